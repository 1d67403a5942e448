"""A training that starts from weights: which tensors they fill, and which of them learn when, and how fast.

A layer is the parameters that share the start of their name (`stem`, `blocks.3`); networks declare them in the order in
which data pass them. The head is what is called `output`.
"""

from __future__ import annotations

from dataclasses import dataclass

from safetensors.torch import load
from torch import Tensor, nn

from assay import models
from assay.errors import Mistake, SpecError, examples
from assay.spec.transfer import PretrainedSpec
from assay.training import _lora
from assay.training._job import Job
from assay.training._weights import WHERE

HEAD = "output"


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a spec says of weights to start from, and these. `embedded`: the backbone's part is done already."""

    spec: PretrainedSpec
    tensors: dict[str, Tensor]
    embedded: bool

    @classmethod
    def of(cls, job: Job) -> Transfer | None:
        """The transfer of a job; None where it starts from nothing."""
        if job.training.pretrained is None:
            return None
        assert job.weights is not None, "whoever reads the spec sees to its weights"
        return cls(job.training.pretrained, load(job.store.read(job.weights)), job.arrays.embedded)

    def started(self, network: nn.Module) -> nn.Module:
        """`network` with the weights in it and changed to what is trained: with LoRA, or the head alone."""
        fill(network, self.tensors)
        if self.spec.train == "all":
            return network
        if not models.has_backbone(network):
            found, allowed = "this network has no backbone apart from its head", "train: all"
            raise SpecError.of([Mistake(where="training.pretrained.train", found=found, allowed=allowed)])
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(_layer(name) == HEAD)
        if self.spec.train == "lora" and not _lora.adapt(network, self.spec.lora, but=HEAD):
            found, allowed = "`lora`, and the backbone has no linear layer", "train: all, train: head"
            raise SpecError.of([Mistake(where="training.pretrained.train", found=found, allowed=allowed)])
        return models.head(network) if self.embedded else network

    def thaw(self, network: nn.Module, epoch: int) -> bool:
        """Let learn what learns in `epoch` (from 1). True when that differs from before."""
        if self.spec.train == "head":
            for name, module in network.named_children():
                module.train(name == HEAD)
        if not self.spec.unfreeze_epochs:
            return False
        awake = set(layers(network)[-1 - (epoch - 1) // self.spec.unfreeze_epochs :])
        changed = False
        for name, parameter in network.named_parameters():
            changed = changed or parameter.requires_grad != (_layer(name) in awake)
            parameter.requires_grad_(_layer(name) in awake)
        return changed

    def lr_fracs(self, network: nn.Module) -> dict[str, float]:
        """The rate of each parameter over that of the training, by name."""
        if self.spec.lr_decay == 1:
            return {}
        below_head = {layer: depth for depth, layer in enumerate(reversed(layers(network)))}
        return {name: self.spec.lr_decay ** below_head[_layer(name)] for name, _ in network.named_parameters()}


def layers(network: nn.Module) -> list[str]:
    """The layers that hold parameters, from the input to the head."""
    found = dict.fromkeys(_layer(name) for name, _ in network.named_parameters())
    return sorted(found, key=lambda layer: layer == HEAD)


def fill(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put `tensors` into `network`. The head keeps what does not fit; of the backbone everything has to fit."""
    own = network.state_dict()
    fitting = {name: value for name, value in tensors.items() if name in own and own[name].shape == value.shape}
    wrong = [_told(name, own[name], tensors.get(name)) for name in own if name not in fitting and _layer(name) != HEAD]
    if wrong:
        n_backbone = sum(_layer(name) != HEAD for name in own)
        found = f"{len(wrong)} of {n_backbone} tensors do not fit: {examples(wrong)}"
        allowed = "weights of the same family, with the same options and input"
        raise SpecError.of([Mistake(where=WHERE, found=found, allowed=allowed)])
    network.load_state_dict(fitting, strict=False)


def _told(name: str, own: Tensor, given: Tensor | None) -> str:
    return f"{name} {list(own.shape)}, " + ("not in the file" if given is None else f"there {list(given.shape)}")


def _layer(name: str) -> str:
    """`blocks.3` of `blocks.3.expand.weight`, and `stem` of `stem.conv.weight`."""
    first, *rest = name.split(".")
    return f"{first}.{rest[0]}" if rest and rest[0].isdigit() and first != HEAD else first


def whole(job: Job, best: dict[str, Tensor]) -> dict[str, Tensor]:
    """All weights of the network, from those that a training kept: with LoRA's changes added, and the backbone's."""
    transfer = Transfer.of(job)
    if transfer is None:
        return best
    if transfer.spec.train == "lora":
        return _lora.merged(best, transfer.spec.lora)
    if not transfer.embedded:
        return best
    backbone = {name: value for name, value in transfer.tensors.items() if _layer(name) != HEAD}
    return backbone | best

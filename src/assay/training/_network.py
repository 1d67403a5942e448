"""The network of a training: its weights, their moving average, and how ranks keep it equal."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from assay import models
from assay.models import Inputs
from assay.training._batches import seed_of
from assay.training._job import Job
from assay.training._place import Place
from assay.training._shared import SharedSum
from assay.training._transfer import Transfer

Forward = Callable[..., Tensor]


class Network:
    """`module` is the bare network; `forward` is what a step calls.

    Ranks of one machine exchange gradients through its memory, in `exchange`; those on GPUs or on several machines
    through DDP, while they compute them. With `sync_every` above 1 ranks train on their own and average weights now and
    then (local SGD, Stich 2019).
    """

    def __init__(self, job: Job, place: Place) -> None:
        torch.manual_seed(seed_of(job.seed))
        inputs = Inputs.of(job.prepared, store=job.store)
        module = models.build(job.family, job.options, inputs, job.prepared.target.n_outputs, job.root)
        self._transfer = Transfer.of(job)
        if self._transfer is not None:
            module = self._transfer.started(module)
        self.module = module.to(place.device)
        self.local = job.training.sync_every > 1 and not place.alone
        self._place = place
        self._decay = job.training.ema
        self._ema: nn.Module | None = None
        self._parameters = [value for value in self.module.parameters() if value.requires_grad]
        self._buffers = [value for name, value in self.module.named_buffers() if name in self.module.state_dict()]
        self._ddp: DistributedDataParallel | None = None
        self._shared: SharedSum | None = None

    @property
    def lr_fracs(self) -> dict[str, float]:
        """The rates of parameters over that of the training, by name, where they differ."""
        return self._transfer.lr_fracs(self.module) if self._transfer is not None else {}

    def begin(self, epoch: int) -> None:
        """Make ready for an epoch: what is frozen in it stays out of training mode, and without gradients."""
        self.module.train()
        if self._transfer is not None and self._transfer.thaw(self.module, epoch):
            self._ddp = None  # which exchanges the gradients that there were when it was made

    @property
    def forward(self) -> Forward:
        """Outputs from what a network takes."""
        if self._place.alone or self.local:
            return self.module
        if self._ddp is None and self._shared is None:  # late, as DDP has to start from a checkpoint's weights
            self._join()
        return self.module if self._ddp is None else self._ddp

    @property
    def evaluated(self) -> nn.Module:
        """The weights that are judged and kept: the moving average, where there is one."""
        return self.module if self._ema is None else self._ema

    @property
    def n_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(value.numel() for value in self.module.parameters() if value.requires_grad)

    def unsynced(self, more_to_come: bool) -> AbstractContextManager[None]:
        """Where a backward pass runs: without an exchange between ranks as long as more gradients are to be added."""
        return self._ddp.no_sync() if self._ddp is not None and more_to_come else nullcontext()

    def forget_gradients(self) -> None:
        """Begin an update: what `zero_grad` does, without a walk through all modules."""
        for parameter in self._parameters:
            parameter.grad = None

    def exchange(self) -> None:
        """End the gradients of an update: their means over ranks, where DDP has not seen to that.

        One that no rank has is left out, as it is where there is one rank.
        """
        if self._shared is None:
            return
        used_P = torch.tensor([float(parameter.grad is not None) for parameter in self._parameters])
        unused = [parameter for parameter in self._parameters if parameter.grad is None]
        for parameter in unused:
            parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        self._place.average([used_P, *gradients], self._shared)
        if unused:
            for parameter, used in zip(self._parameters, used_P.tolist(), strict=True):
                parameter.grad = parameter.grad if used else None

    def move_average(self) -> None:
        """One step of the moving average, which starts as a copy of the weights."""
        if self._decay is None:
            return
        if self._ema is None:
            self._ema = copy.deepcopy(self.module).requires_grad_(False)
            return
        with torch.no_grad():
            averaged: list[Tensor] = list(self._ema.parameters())
            current: list[Tensor] = list(self.module.parameters())
            torch._foreach_lerp_(averaged, current, 1 - self._decay)

    def sync(self, optimizer: Optimizer | None = None) -> None:
        """Make ranks equal: the mean of weights that went apart (and of the optimiser's state), rank 0's buffers."""
        if self.local:
            self._place.average(self.module.parameters())
            if optimizer is not None:
                self._place.average(_state_tensors(self.module, optimizer))
            if self._ema is not None:
                self._place.average(self._ema.parameters())
        self._place.follow(self._buffers)
        if self._ema is not None:
            for averaged, current in zip(self._ema.buffers(), self.module.buffers(), strict=True):
                averaged.copy_(current)

    def tensors(self) -> dict[str, Tensor]:
        """All weights, for a checkpoint."""
        found = {f"weights.{name}": value for name, value in frozen(self.module).items()}
        if self._ema is not None:
            found |= {f"ema.{name}": value for name, value in frozen(self._ema).items()}
        return found

    def load(self, weights: dict[str, Tensor], ema: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        self.module.load_state_dict(weights)
        if ema:
            self._ema = copy.deepcopy(self.module).requires_grad_(False)
            self._ema.load_state_dict(ema)

    def _join(self) -> None:
        sizes = [value.numel() for value in self._parameters]
        if self._place.device.type == "cpu" and all(value.dtype == torch.float32 for value in self._parameters):
            self._shared = SharedSum.open(self._place, len(sizes) + sum(sizes))
        if self._shared is None:
            self._ddp = DistributedDataParallel(self.module, broadcast_buffers=False, gradient_as_bucket_view=True)


def frozen(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all weights in main memory, each with memory of its own (safetensors wants that)."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in module.state_dict().items()}


def _state_tensors(module: nn.Module, optimizer: Optimizer) -> list[Tensor]:
    # In an order that all ranks share: that of dicts depends on how the state came to be.
    states = [sorted(optimizer.state.get(parameter, {}).items()) for parameter in module.parameters()]
    return [value for state in states for _, value in state if isinstance(value, Tensor)]

"""Low-rank adaptation (Hu et al. 2021): a linear layer that stays as it is, plus a change of low rank that is learned.

B rows of any shape, I inputs, O outputs, R rank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.spec.transfer import LoraSpec


class LoraLinear(nn.Linear):
    """y = W x + b + scale * up (down x). `up` starts at zero, so that training starts at the layer as it was."""

    def __init__(self, linear: nn.Linear, spec: LoraSpec) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.scale = spec.alpha / spec.rank
        bound = self.in_features**-0.5
        self.down_RI = nn.Parameter(torch.empty(spec.rank, self.in_features).uniform_(-bound, bound))
        self.up_OR = nn.Parameter(torch.zeros(self.out_features, spec.rank))

    def forward(self, x_BI: Tensor) -> Tensor:
        """x_BI -> y_BO."""
        change_BR = functional.linear(x_BI, self.down_RI)
        return functional.linear(x_BI, self.weight, self.bias) + self.scale * functional.linear(change_BR, self.up_OR)


def adapt(network: nn.Module, spec: LoraSpec, but: str) -> int:
    """Put a change beside each linear layer outside of `but`, and say beside how many."""
    found = [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and name.split(".")[0] != but
    ]
    for name, linear in found:
        owner, _, own = name.rpartition(".")
        setattr(network.get_submodule(owner), own, LoraLinear(linear, spec))
    return len(found)


def merged(tensors: dict[str, Tensor], spec: LoraSpec) -> dict[str, Tensor]:
    """The weights of the network as it was before `adapt`, with the changes added: W + scale * up @ down."""
    found = {name: value for name, value in tensors.items() if not name.endswith((".down_RI", ".up_OR"))}
    for name, down_RI in tensors.items():
        if name.endswith(".down_RI"):
            layer = name.removesuffix(".down_RI")
            change_OI = tensors[f"{layer}.up_OR"] @ down_RI * (spec.alpha / spec.rank)
            found[f"{layer}.weight"] = found[f"{layer}.weight"] + change_OI
    return found

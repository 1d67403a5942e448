"""A layer that is one of several, or all of them: what a supernet is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Choice(nn.Module):
    """The ways of a layer by name. Where there are several, each forward pass of a training takes one at random.

    So each is trained as if the others were not there, and a network with one of them finds its weights by name among
    those of a network with all (single-path one-shot, Guo et al. 2020). In evaluation the first one is taken.
    """

    def __init__(self, names: str | Sequence[str], make: Callable[[str], nn.Module]) -> None:
        super().__init__()
        self.ways = nn.ModuleDict({name: make(name) for name in ((names,) if isinstance(names, str) else names)})

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        several = self.training and len(self.ways) > 1
        taken = int(torch.randint(len(self.ways), ())) if several else 0
        out: Tensor = list(self.ways.values())[taken](x)
        return out


class Zero(nn.Module):
    """Nothing: the way of a layer that is left out."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, all zeros."""
        return x * 0

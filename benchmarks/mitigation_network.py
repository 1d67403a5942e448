"""The network of `mitigation.py`: one-hot columns, and hidden layers of 64 and 32."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


class Network(nn.Module):
    def __init__(self, n_numeric: int, levels: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.levels = levels
        sizes = (n_numeric + sum(levels), 64, 32)
        hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(sizes)]
        self.layers = nn.Sequential(*hidden, nn.Linear(32, n_outputs))

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        columns = [one_hot(codes_BC[:, i].long(), n).float() for i, n in enumerate(self.levels)]
        return self.layers(torch.cat([numeric_BF, *columns], dim=1))

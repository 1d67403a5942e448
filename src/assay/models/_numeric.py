"""Embeddings of numeric features (Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular DL").

Every embedding maps x_BF to e_BFD, each feature with weights of its own.
B rows, F features, D the embedding's size, T bins, Q knots, H frequencies.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.spec.words import Words

Kind = Literal["none", "linear", "piecewise_linear", "periodic"]


class NumericConfig(Words):
    """How numeric features enter a network; shared by all families."""

    numeric_embedding: Kind = "piecewise_linear"
    embedding_size: int = Field(default=16, ge=1, le=1024, description="numbers per numeric feature")
    n_bins: int = Field(default=96, ge=1, le=1024, description="of piecewise_linear: most bins per feature")
    n_frequencies: int = Field(default=24, ge=1, le=1024, description="of periodic")
    frequency_scale: float = Field(default=0.1, gt=0, description="of periodic: spread of the first frequencies")


def embed(config: NumericConfig, inputs: Inputs, size: int) -> nn.Module:
    """The embedding that `config` names, with `size` numbers per feature; `none` has no module."""
    n_features = inputs.n_numeric
    if config.numeric_embedding == "linear":
        return LinearReLU(n_features, size)
    if config.numeric_embedding == "periodic":
        return Periodic(n_features, size, config.n_frequencies, config.frequency_scale)
    assert config.numeric_embedding == "piecewise_linear", "`none` is no embedding"
    assert inputs.knots is not None, "piecewise_linear takes its bins from the knots of the training rows"
    return PiecewiseLinear([bin_edges(knots_Q, config.n_bins) for knots_Q in inputs.knots], size)


class Affine(nn.Module):
    """w * x + b for every feature: the numeric tokens of FT-Transformer (Gorishniy et al. 2021)."""

    def __init__(self, n_features: int, size: int) -> None:
        super().__init__()
        self.weight_FD = _uniform(n_features, size, fan_in=size)
        self.bias_FD = _uniform(n_features, size, fan_in=size)

    def forward(self, x_BF: Tensor) -> Tensor:
        """x_BF -> e_BFD."""
        return torch.addcmul(self.bias_FD, x_BF.unsqueeze(-1), self.weight_FD)


class LinearReLU(Affine):
    """relu(w * x + b) for every feature ("LR" in the paper)."""

    def forward(self, x_BF: Tensor) -> Tensor:
        """x_BF -> e_BFD."""
        return super().forward(x_BF).relu()


class Encoding(nn.Module):
    """Piecewise-linear encoding (equation 1 of the paper): how far x has come through each bin, x_BF -> e_BFT.

    A value below the first edge or above the last one goes on along its bin's line. Features with fewer bins than the
    widest one are padded with bins that stay zero.
    """

    left_FT: Tensor
    width_FT: Tensor
    low_FT: Tensor
    high_FT: Tensor

    def __init__(self, edges: list[Tensor]) -> None:
        super().__init__()
        n_bins = max(len(edges_T) - 1 for edges_T in edges)
        shape = (len(edges), n_bins)
        left, width, low, high = torch.zeros(shape), torch.ones(shape), torch.zeros(shape), torch.zeros(shape)
        for feature, edges_T in enumerate(edges):
            used = len(edges_T) - 1
            left[feature, :used] = edges_T[:-1]
            width[feature, :used] = edges_T.diff()
            high[feature, :used] = 1.0
            low[feature, 0] = -torch.inf
            high[feature, used - 1] = torch.inf
        for name, value in {"left_FT": left, "width_FT": width, "low_FT": low, "high_FT": high}.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, x_BF: Tensor) -> Tensor:
        """x_BF -> e_BFT."""
        return ((x_BF.unsqueeze(-1) - self.left_FT) / self.width_FT).clamp(self.low_FT, self.high_FT)


class PiecewiseLinear(nn.Module):
    """A continuous, piecewise-linear map of every feature: an affine one, plus the encoding times weights from zero.

    So it starts as a line and bends where the data ask for it ("PL" of Gorishniy et al. 2024, appendix D).
    """

    def __init__(self, edges: list[Tensor], size: int) -> None:
        super().__init__()
        self.affine = Affine(len(edges), size)
        self.encoding = Encoding(edges)
        self.weight_FTD = nn.Parameter(torch.zeros(*self.encoding.left_FT.shape, size))

    def forward(self, x_BF: Tensor) -> Tensor:
        """x_BF -> e_BFD."""
        e_FBT = self.encoding(x_BF).transpose(0, 1)
        line_BFD: Tensor = self.affine(x_BF)
        return line_BFD + torch.bmm(e_FBT, self.weight_FTD).transpose(0, 1)


class Periodic(nn.Module):
    """relu(linear([cos(2 pi c x), sin(2 pi c x)])) with trained frequencies c and one linear map for all features.

    "PLR(lite)" in the paper's code: the shared map keeps it small.
    """

    def __init__(self, n_features: int, size: int, n_frequencies: int, scale: float) -> None:
        super().__init__()
        self.frequency_FH = nn.Parameter(torch.empty(n_features, n_frequencies))
        nn.init.trunc_normal_(self.frequency_FH, std=scale, a=-3 * scale, b=3 * scale)
        self.linear = nn.Linear(2 * n_frequencies, size)

    def forward(self, x_BF: Tensor) -> Tensor:
        """x_BF -> e_BFD."""
        angle_BFH = 2 * math.pi * x_BF.unsqueeze(-1) * self.frequency_FH
        waves: Tensor = self.linear(torch.cat([angle_BFH.cos(), angle_BFH.sin()], dim=-1))
        return waves.relu()


def bin_edges(knots_Q: np.ndarray[Any, Any], n_bins: int) -> Tensor:
    """At most `n_bins` + 1 rising edges among the knots: duplicates merged, then evenly many knots between edges.

    A value that holds many rows (zero, say) takes one edge, so the others share the rows that are left.
    """
    unique_Q = np.unique(np.asarray(knots_Q, dtype=np.float32))
    if len(unique_Q) == 1:
        unique_Q = np.append(unique_Q, unique_Q + 1)
    chosen = np.linspace(0, len(unique_Q) - 1, min(n_bins + 1, len(unique_Q))).round().astype(int)
    return torch.from_numpy(unique_Q[chosen])


def _uniform(*shape: int, fan_in: int) -> nn.Parameter:
    bound = fan_in**-0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

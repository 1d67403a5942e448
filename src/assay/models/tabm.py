"""TabM: an ensemble of perceptrons that share nearly all weights (Gorishniy et al. 2024, "TabM: Advancing Tabular Deep
Learning with Parameter-Efficient Ensembling").

Member k multiplies the inputs of a shared linear layer by r_k and its outputs by s_k (BatchEnsemble, Wen et al. 2020);
all start at one except the first r, which makes the members different. `tabm-mini` keeps only that first r.

B rows, K members, D dense numbers, H one-hot features, L levels, W width, O outputs.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from assay.models import Inputs
from assay.models._inputs import Rows
from assay.models._layers import Activation, Dropout, activation
from assay.models._numeric import NumericConfig


class Config(NumericConfig):
    """Options of `tabm`.

    The paper's k is 32; on Adult 16 members came out the same in half the time.
    """

    variant: Literal["tabm", "tabm-mini"] = "tabm-mini"
    k: int = Field(default=16, ge=1, le=1024, description="members of the ensemble")
    width: int = Field(default=128, ge=1, le=65536)
    depth: int = Field(default=2, ge=1, le=100, description="hidden layers")
    activation: Activation = "relu"
    dropout: float = Field(default=0.1, ge=0, lt=1)


class MemberInput(nn.Module):
    """The first layer of every member on (dense_BD, levels_BH): linear(r_k * [dense, one-hot]) for k = 1..K.

    A one-hot feature at level l adds r_kl * levels_l, so a row's H features add a product of [K, H] and [H, W].
    """

    def __init__(self, rows: Rows, k: int, width: int, *, signs: bool) -> None:
        super().__init__()
        bound = max(rows.n_dense + rows.n_levels, 1) ** -0.5
        self.bias_W = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.dense_WD = self.dense_r_KD = self.levels_LW = self.levels_r_LK = None
        if rows.n_dense:
            self.dense_WD = nn.Parameter(torch.empty(width, rows.n_dense).uniform_(-bound, bound))
            self.dense_r_KD = nn.Parameter(_first_r(rows.groups, k, signs=signs).T.contiguous())
        if rows.n_levels:
            self.levels_LW = nn.Parameter(torch.empty(rows.n_levels, width).uniform_(-bound, bound))
            self.levels_r_LK = nn.Parameter(_first_r(rows.levels, k, signs=signs))
        self.k = k

    def forward(self, dense_BD: Tensor, levels_BH: Tensor) -> Tensor:
        """(dense_BD, levels_BH or weights_BL) -> out_BKW."""
        out_BKW = self.bias_W.expand(dense_BD.shape[0], self.k, -1)
        if self.dense_WD is not None and self.dense_r_KD is not None:
            out_BKW = functional.linear(dense_BD.unsqueeze(1) * self.dense_r_KD, self.dense_WD, self.bias_W)
        if self.levels_LW is None or self.levels_r_LK is None:
            return out_BKW
        if levels_BH.is_floating_point():
            out_BKW = out_BKW + (levels_BH.unsqueeze(1) * self.levels_r_LK.T) @ self.levels_LW
        else:
            r_BKH = functional.embedding(levels_BH, self.levels_r_LK).transpose(1, 2)
            out_BKW = torch.baddbmm(out_BKW, r_BKH, functional.embedding(levels_BH, self.levels_LW))
        return out_BKW


class MemberLinear(nn.Module):
    """s_k * linear(r_k * x) + b_k for k = 1..K: a shared matrix and three vectors per member. x_BKV -> out_BKW."""

    def __init__(self, n_inputs: int, width: int, k: int) -> None:
        super().__init__()
        bound = n_inputs**-0.5
        self.r_KV = nn.Parameter(torch.ones(k, n_inputs))
        self.weight_WV = nn.Parameter(torch.empty(width, n_inputs).uniform_(-bound, bound))
        self.scale = MemberScale(width, k, bound)

    def forward(self, x_BKV: Tensor) -> Tensor:
        """x_BKV -> out_BKW."""
        out_BKW: Tensor = self.scale(functional.linear(x_BKV * self.r_KV, self.weight_WV))
        return out_BKW


class MemberScale(nn.Module):
    """s_k * x + b_k for k = 1..K; the biases start equal."""

    def __init__(self, width: int, k: int, bound: float) -> None:
        super().__init__()
        self.s_KW = nn.Parameter(torch.ones(k, width))
        self.bias_KW = nn.Parameter(torch.empty(width).uniform_(-bound, bound).repeat(k, 1))

    def forward(self, x_BKW: Tensor) -> Tensor:
        """x_BKW -> x_BKW."""
        return torch.addcmul(self.bias_KW, x_BKW, self.s_KW)


class TabM(nn.Module):
    """K perceptrons with shared weights, and an output layer for each of them."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        width, k = config.width, config.k
        self.rows = Rows(config, inputs)
        signs = config.numeric_embedding == "none"
        self.input = MemberInput(self.rows, k, width, signs=signs)
        layers: list[nn.Module] = []
        if config.variant == "tabm":
            layers.append(MemberScale(width, k, max(self.rows.n_dense + self.rows.n_levels, 1) ** -0.5))
        for depth in range(config.depth):
            if depth:
                shared = config.variant == "tabm-mini"
                layers.append(nn.Linear(width, width) if shared else MemberLinear(width, width, k))
            layers += [activation(config.activation), Dropout(config.dropout)]
        self.hidden = nn.Sequential(*layers)
        bound = width**-0.5
        self.output_KWO = nn.Parameter(torch.empty(k, width, n_outputs).uniform_(-bound, bound))
        self.output_bias_KO = nn.Parameter(torch.empty(k, n_outputs).uniform_(-bound, bound))

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> out_BKO."""
        hidden_BKW = self.hidden(self.input(*self.rows(numeric_BF, codes_BC)))
        out_KBO = torch.bmm(hidden_BKW.transpose(0, 1), self.output_KWO)
        return out_KBO.transpose(0, 1) + self.output_bias_KO


def _first_r(groups: tuple[int, ...], k: int, *, signs: bool) -> Tensor:
    """r_DK with one draw per member and feature: a random sign, or a normal number behind numeric embeddings."""
    draws = torch.randn(len(groups), k)
    return (draws.sign() if signs else draws).repeat_interleave(torch.tensor(groups), dim=0)


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new ensemble: the weights of one perceptron, K * (D + L) for the first r, and K * O * (W + 1) for outputs.

    `variant: tabm` has K * W * (2 + 3 * (depth - 1)) for the other vectors in place of W * (depth - 1) shared biases.
    """
    return TabM(config, inputs, n_outputs)

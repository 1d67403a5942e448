"""From the arrays of a batch to the first layer of a network.

A one-hot feature is held as the number of its level in one table over all such features; multiplying one-hot vectors
by a matrix is looking up and adding rows of that matrix, so no one-hot array of a fold ever exists. Where there are few
levels, a batch's is made for a moment: the product's gradient takes less time than sorting what was looked up.
Whoever asks for gradients gives what they can be had in: weights of levels in place of codes, float [B, sum of all
levels], where a row is a mixture of levels; and in place of numbers what `embedded` makes of them, float [B, F, D].

B rows, F numeric features, C categorical features, D dense numbers per row, H one-hot features, L levels of all
one-hot features together, W outputs of the layer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.models import Inputs
from assay.models._numeric import NumericConfig, embed

FEW_LEVELS = 128  # up to which a product is faster than a look-up, on the CPU, forward and backward, at any batch size


class Rows(nn.Module):
    """Splits a batch into dense_BD (embedded numbers and learned embeddings of categories) and levels_BH.

    `groups` holds the widths of the parts of `dense_BD`, one per feature; `n_levels` is L, and `levels` the levels of
    each one-hot feature.
    """

    offset_H: Tensor
    code_H: Tensor
    code_E: Tensor

    def __init__(self, config: NumericConfig, inputs: Inputs) -> None:
        super().__init__()
        onehot = [index for index, how in enumerate(inputs.encode) if how == "onehot"]
        learned = [index for index, how in enumerate(inputs.encode) if how != "onehot"]
        self.all_levels = inputs.levels
        self.levels = tuple(inputs.levels[index] for index in onehot)
        self.n_levels = sum(self.levels)
        embedded = inputs.n_numeric > 0 and config.numeric_embedding != "none"
        self.numeric = embed(config, inputs, config.embedding_size) if embedded else None
        self.learned = nn.ModuleList(
            nn.Embedding(inputs.levels[index], embedding_size(inputs.levels[index])) for index in learned
        )
        sizes = [config.embedding_size if embedded else 1] * inputs.n_numeric
        self.groups = (*sizes, *(embedding_size(inputs.levels[index]) for index in learned))
        offsets = torch.tensor([0, *self.levels]).cumsum(0)[:-1]
        self.register_buffer("offset_H", offsets, persistent=False)
        self.register_buffer("code_H", torch.tensor(onehot, dtype=torch.long), persistent=False)
        self.register_buffer("code_E", torch.tensor(learned, dtype=torch.long), persistent=False)

    @property
    def n_dense(self) -> int:
        """D: how many dense numbers each row has."""
        return sum(self.groups)

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> tuple[Tensor, Tensor]:
        """(dense_BD, levels_BH); of weights in place of codes (dense_BD, weights_BL)."""
        dense_BD = self.embedded(numeric_BF).flatten(1)
        if codes_BC.is_floating_point():
            return self._mixed(dense_BD, codes_BC)
        if not self.learned:
            return dense_BD, codes_BC + self.offset_H
        codes_BC = codes_BC.long()
        tables = zip(self.learned, codes_BC[:, self.code_E].unbind(1), strict=True)
        dense_BD = torch.cat([dense_BD, *(table(codes_B) for table, codes_B in tables)], dim=1)
        return dense_BD, codes_BC[:, self.code_H] + self.offset_H

    def embedded(self, numeric_BF: Tensor) -> Tensor:
        """Numbers as the layers after them see them: e_BFD, or x_BF where there is no embedding."""
        if self.numeric is None or numeric_BF.ndim == 3:
            return numeric_BF
        e_BFD: Tensor = self.numeric(numeric_BF)
        return e_BFD

    def _mixed(self, dense_BD: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        parts = torch.split_with_sizes(weights, self.all_levels, 1)
        tables = zip(self.learned.children(), self.code_E.tolist(), strict=True)
        embedded = [parts[index] @ table.get_parameter("weight") for table, index in tables]
        onehot = [parts[index] for index in self.code_H.tolist()]
        return torch.cat([dense_BD, *embedded], dim=1), torch.cat([weights[:, :0], *onehot], dim=1)


class InputLinear(nn.Module):
    """A linear layer on (dense_BD, levels_BH): the same function as one on [dense_BD, one-hot of levels_BH]."""

    def __init__(self, n_dense: int, n_levels: int, width: int) -> None:
        super().__init__()
        bound = max(n_dense + n_levels, 1) ** -0.5
        self.bias_W = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.dense_WD = nn.Parameter(torch.empty(width, n_dense).uniform_(-bound, bound)) if n_dense else None
        self.levels_LW = nn.Parameter(torch.empty(n_levels, width).uniform_(-bound, bound)) if n_levels else None

    def forward(self, dense_BD: Tensor, levels_BH: Tensor) -> Tensor:
        """(dense_BD, levels_BH or weights_BL) -> out_BW."""
        out_BW = self.bias_W.expand(dense_BD.shape[0], -1)
        if self.dense_WD is not None:
            out_BW = functional.linear(dense_BD, self.dense_WD, self.bias_W)
        if self.levels_LW is None:
            return out_BW
        if levels_BH.is_floating_point():
            return torch.addmm(out_BW, levels_BH, self.levels_LW)
        if len(self.levels_LW) > FEW_LEVELS:
            return out_BW + functional.embedding_bag(levels_BH, self.levels_LW, mode="sum")
        onehot_BL = self.levels_LW.new_zeros(levels_BH.shape[0], len(self.levels_LW)).scatter_(1, levels_BH, 1.0)
        return torch.addmm(out_BW, onehot_BL, self.levels_LW)


def embedding_size(n_levels: int) -> int:
    """How many numbers a learned embedding has: the rule of thumb of fastai, min(600, 1.6 * n ** 0.56), rounded up."""
    return min(600, math.ceil(1.6 * math.pow(n_levels, 0.56)))

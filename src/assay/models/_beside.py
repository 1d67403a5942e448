"""The last layer of a network for images, texts or series: it sees the columns of the table that stand beside them.

B rows, W features of the signal, D dense numbers, H one-hot features, O outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._inputs import InputLinear, Rows
from assay.models._layers import Dropout
from assay.models._numeric import NumericConfig


class Output(nn.Module):
    """Dropout on the signal's features, then one linear layer on them and on the table's columns, if there are any."""

    def __init__(self, config: NumericConfig, inputs: Inputs, width: int, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.rows = Rows(config, inputs)
        self.dropout = Dropout(dropout)
        self.linear = InputLinear(width + self.rows.n_dense, self.rows.n_levels, n_outputs)

    def forward(self, x_BW: Tensor, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(x_BW, numeric_BF, codes_BC) -> out_BO."""
        dense_BD, levels_BH = self.rows(numeric_BF, codes_BC)
        out_BO: Tensor = self.linear(torch.cat([self.dropout(x_BW), dense_BD], dim=1), levels_BH)
        return out_BO

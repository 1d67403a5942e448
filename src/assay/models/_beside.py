"""Networks for images, texts and series: what they make of the signal, and a last layer that sees the table beside it.

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


class SignalNetwork(nn.Module):
    """A backbone, which is all that `features` uses, and `output`: a backbone may come with weights from elsewhere."""

    output: Output

    def features(self, signal: Tensor) -> Tensor:
        """The image, text or series as numbers, x_BW."""
        raise NotImplementedError

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor, signal: Tensor) -> Tensor:
        """(numeric_BF, codes_BC, signal) -> out_BO."""
        out_BO: Tensor = self.output(self.features(signal), numeric_BF, codes_BC)
        return out_BO


class Head(nn.Module):
    """The last layer alone, under its name in the whole network, for features that are known already."""

    def __init__(self, network: SignalNetwork) -> None:
        super().__init__()
        self.output = network.output

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor, x_BW: Tensor) -> Tensor:
        """(numeric_BF, codes_BC, x_BW) -> out_BO."""
        out_BO: Tensor = self.output(x_BW, numeric_BF, codes_BC)
        return out_BO

"""A linear model: logistic regression where there are classes, least squares where there is a number.

B rows, F numeric features, C categorical features, O outputs.
"""

from __future__ import annotations

from torch import Tensor, nn

from assay.models import Inputs
from assay.models._inputs import InputLinear, Rows
from assay.models._numeric import Kind, NumericConfig


class Config(NumericConfig):
    """Options of `linear`. With `piecewise_linear` it is an additive model of bent lines.

    Numbers enter as they are scaled: behind `preprocessing.numeric.scale: standard` a line is a line in the units of
    the data, behind the default `quantile`, which suits networks, it is one in ranks, and mostly fits worse.
    """

    numeric_embedding: Kind = "none"


class Linear(nn.Module):
    """One linear layer on all features."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.rows = Rows(config, inputs)
        self.output = InputLinear(self.rows.n_dense, self.rows.n_levels, n_outputs)

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> out_BO."""
        out_BO: Tensor = self.output(*self.rows(numeric_BF, codes_BC))
        return out_BO


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new linear model: (D + L + 1) * O weights, plus those of the numeric embedding."""
    return Linear(config, inputs, n_outputs)

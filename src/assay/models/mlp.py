"""A multilayer perceptron.

B rows, F numeric features, C categorical features, W width, O outputs.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._inputs import InputLinear, Rows
from assay.models._layers import Activation, Dropout, Normalization, activation, normalization
from assay.models._numeric import NumericConfig


class Config(NumericConfig):
    """Options of `mlp`."""

    width: int = Field(default=256, ge=1, le=65536)
    depth: int = Field(default=3, ge=1, le=100, description="hidden layers")
    activation: Activation = "relu"
    normalization: Normalization = "none"
    dropout: float = Field(default=0.1, ge=0, lt=1)


class MLP(nn.Module):
    """`depth` layers of linear, normalisation, activation and dropout, then a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.rows = Rows(config, inputs)
        self.input = InputLinear(self.rows.n_dense, self.rows.n_levels, config.width)
        layers = _after_linear(config)
        for _ in range(config.depth - 1):
            layers += [nn.Linear(config.width, config.width), *_after_linear(config)]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(config.width, n_outputs)

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> out_BO."""
        hidden_BW = self.hidden(self.input(*self.rows(numeric_BF, codes_BC)))
        out_BO: Tensor = self.output(hidden_BW)
        return out_BO


def _after_linear(config: Config) -> list[nn.Module]:
    return [
        normalization(config.normalization, config.width),
        activation(config.activation),
        Dropout(config.dropout),
    ]


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new perceptron: W * (D + L + 1) + (depth - 1) * W * (W + 1) + O * (W + 1) weights, plus embeddings."""
    return MLP(config, inputs, n_outputs)

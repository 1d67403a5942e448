"""ResNet for tables (Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data").

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
    """Options of `resnet`. `normalization: batch` is the paper's; `layer` computes the same for any batch size."""

    width: int = Field(default=192, ge=1, le=65536)
    depth: int = Field(default=2, ge=1, le=100, description="residual blocks")
    hidden_factor: float = Field(default=2.0, gt=0, le=64, description="inner width of a block over its width")
    activation: Activation = "relu"
    normalization: Normalization = "layer"
    dropout: float = Field(default=0.2, ge=0, lt=1, description="inside of a block")
    residual_dropout: float = Field(default=0.0, ge=0, lt=1, description="at the end of a block")


class Block(nn.Module):
    """x + dropout(linear(dropout(activation(linear(normalisation(x))))))."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        inner = max(1, round(config.width * config.hidden_factor))
        self.change = nn.Sequential(
            normalization(config.normalization, config.width),
            nn.Linear(config.width, inner),
            activation(config.activation),
            Dropout(config.dropout),
            nn.Linear(inner, config.width),
            Dropout(config.residual_dropout),
        )

    def forward(self, x_BW: Tensor) -> Tensor:
        """x_BW -> x_BW."""
        changed_BW: Tensor = self.change(x_BW)
        return x_BW + changed_BW


class ResNet(nn.Module):
    """A linear input, residual blocks, and a normalised, activated, linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.rows = Rows(config, inputs)
        self.input = InputLinear(self.rows.n_dense, self.rows.n_levels, config.width)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.output = nn.Sequential(
            normalization(config.normalization, config.width),
            activation(config.activation),
            nn.Linear(config.width, n_outputs),
        )

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> out_BO."""
        out_BO: Tensor = self.output(self.blocks(self.input(*self.rows(numeric_BF, codes_BC))))
        return out_BO


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new residual network: about W * (D + L) + 2 * depth * hidden_factor * W ** 2 weights, plus embeddings."""
    return ResNet(config, inputs, n_outputs)

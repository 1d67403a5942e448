"""A network for tables whose blocks are what a search chooses.

B rows, F numeric features, C categorical features, W width, O outputs.

Each block is a path past a change, and the change one of: `linear`, one layer; `wide`, two with 2 W between them
(Gorishniy et al. 2021); `gated`, a layer multiplied by the sigmoid of another (GLU, Dauphin et al. 2017); `skip`, none.
Several in one place make a supernet: `blocks: [[linear, wide, gated, skip], wide]`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._choice import Choice, Zero
from assay.models._inputs import InputLinear, Rows
from assay.models._layers import Activation, Dropout, Normalization, activation, normalization
from assay.models._numeric import NumericConfig

Block = Literal["skip", "linear", "wide", "gated"]


class Config(NumericConfig):
    """Options of `blocks`."""

    blocks: tuple[Block | tuple[Block, ...], ...] = Field(default=("wide", "gated"), min_length=1, max_length=100)
    width: int = Field(default=128, ge=1, le=65536)
    activation: Activation = "relu"
    normalization: Normalization = "layer"
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Blocks(nn.Module):
    """A linear input, x + change(x) for each block, and a normalised, activated, linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.rows = Rows(config, inputs)
        self.input = InputLinear(self.rows.n_dense, self.rows.n_levels, config.width)
        self.changes = nn.ModuleList(Choice(names, lambda name: _change(name, config)) for names in config.blocks)
        self.output = nn.Sequential(
            normalization(config.normalization, config.width),
            activation(config.activation),
            nn.Linear(config.width, n_outputs),
        )

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> out_BO."""
        x_BW = self.input(*self.rows(numeric_BF, codes_BC))
        for change in self.changes:
            x_BW = x_BW + change(x_BW)
        out_BO: Tensor = self.output(x_BW)
        return out_BO


def _change(name: str, config: Config) -> nn.Module:
    if name == "skip":
        return Zero()
    width, inner = config.width, config.width if name == "linear" else 2 * config.width
    layers = [normalization(config.normalization, width), nn.Linear(width, inner)]
    if name == "gated":
        return nn.Sequential(*layers, nn.GLU(), Dropout(config.dropout))
    layers += [activation(config.activation), Dropout(config.dropout)]
    return nn.Sequential(*layers, nn.Linear(inner, width)) if name == "wide" else nn.Sequential(*layers)


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: W * (D + L) weights, and W ** 2, 2 W ** 2 or 4 W ** 2 of a linear, gated or wide block."""
    return Blocks(config, inputs, n_outputs)

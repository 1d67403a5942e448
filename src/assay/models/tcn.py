"""A temporal convolutional network for texts and series (Bai, Kolter & Koltun 2018), looking both ways.

B rows, L steps, C channels, F numeric features, W width, O outputs.

| size | W | blocks | steps that one output step sees |
|---|---|---|---|
| tiny | 32 | 3 | 29 |
| small | 64 | 4 | 61 |
| base | 128 | 6 | 253 |

Tokens [B, L] or channels [B, L, C] become [B, L, W]; block n looks at steps 2 ** n apart; the pool is [B, W].
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._beside import Output, SignalNetwork
from assay.models._layers import Activation, Dropout, activation
from assay.models._numeric import NumericConfig
from assay.models._sequence import Pool, Pooling, Steps

TAKES = ("text", "series")
SIZES = {"tiny": (32, 3), "small": (64, 4), "base": (128, 6)}


class Config(NumericConfig):
    """Options of `tcn`. Its targets lie outside of the series, so it may look ahead: no step is hidden from another."""

    size: Literal["tiny", "small", "base"] = "small"
    activation: Activation = "relu"
    pooling: Pooling = "attention"
    dropout: float = Field(default=0.1, ge=0, lt=1, description="inside of a block, and before the output")


class Block(nn.Module):
    """x + two times dropout(act(conv(norm(x)))), of steps `dilation` apart; a step after the end of its row stays 0."""

    def __init__(self, config: Config, width: int, dilation: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for _ in range(2)
        )
        self.after = nn.Sequential(activation(config.activation), Dropout(config.dropout))

    def forward(self, x_BLW: Tensor, there_BL1: Tensor) -> Tensor:
        """x_BLW -> x_BLW."""
        changed_BLW = x_BLW
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            entered_BLW = norm(changed_BLW) * there_BL1
            changed_BLW = self.after(convolution(entered_BLW.transpose(1, 2)).transpose(1, 2))
        return (x_BLW + changed_BLW) * there_BL1


class TCN(SignalNetwork):
    """Steps, blocks, a pool over the steps, and a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        width, depth = SIZES[config.size]
        self.steps = Steps(inputs, width)
        self.blocks = nn.ModuleList(Block(config, width, 2**number) for number in range(depth))
        self.pool = Pool(config.pooling, width)
        self.output = Output(config, inputs, width, n_outputs, config.dropout)

    def features(self, signal: Tensor) -> Tensor:
        """Tokens_BL or steps_BLC -> x_BW."""
        x_BLW, there_BL = self.steps(signal)
        for block in self.blocks:
            x_BLW = block(x_BLW, there_BL[..., None])
        x_BW: Tensor = self.pool(x_BLW, there_BL)
        return x_BW


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: n_tokens * W (or 3 * C * W) weights, and 6 * W ** 2 a block."""
    return TCN(config, inputs, n_outputs)

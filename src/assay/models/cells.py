"""A network for images that repeats one cell, whose layers are what a search chooses (Dong & Yang 2020).

B rows, C channels, H height, W width, V channels of a hidden layer, F numeric features, O outputs.

A cell has four nodes; each is the sum of what comes from those before it, normalised and activated, through the layers
`ops`, in this order:

    0 -> 1    0 -> 2    1 -> 2    0 -> 3    1 -> 3    2 -> 3

`conv3` and `conv1` are convolutions of 3 x 3 and of one pixel, `sep3` and `sep5` depthwise ones with one of one pixel
behind (Chollet 2017), `skip` is the node itself, `none` nothing. Several in one place make a supernet:
`ops: [[conv3, sep3, skip], conv3, ...]`. Stages halve height and width and double the channels:
[B, 1, 28, 28] becomes [B, 16, 28, 28], [B, 32, 14, 14] and [B, 64, 7, 7], and its mean [B, 64].
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._beside import Output
from assay.models._choice import Choice, Zero
from assay.models._image import Normalization, Pixels, convolution, normalization
from assay.models._layers import Activation, activation
from assay.models._numeric import NumericConfig

TAKES = ("image",)
Op = Literal["none", "skip", "conv1", "conv3", "sep3", "sep5"]
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
DEFAULT: tuple[Op, ...] = ("conv3", "skip", "conv3", "skip", "none", "conv3")


class Config(NumericConfig):
    """Options of `cells`. `channels` are those of the first stage, each of which has `depth` cells."""

    ops: tuple[Op | tuple[Op, ...], ...] = Field(default=DEFAULT, min_length=len(EDGES), max_length=len(EDGES))
    channels: int = Field(default=16, ge=1, le=4096)
    stages: int = Field(default=3, ge=1, le=8)
    depth: int = Field(default=1, ge=1, le=100, description="cells of a stage")
    activation: Activation = "relu"
    normalization: Normalization = "group"
    dropout: float = Field(default=0.2, ge=0, lt=1, description="before the output")


class Cell(nn.Module):
    """Four nodes; the last one, and the first past all layers, go on."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(Choice(ops, lambda op: _layer(op, width)) for ops in config.ops)
        self.enter = nn.ModuleList(nn.Sequential(*_entered(config, width)) for _ in range(3))

    def forward(self, x_BVHW: Tensor) -> Tensor:
        """x_BVHW -> x_BVHW."""
        sums, entered = [x_BVHW], list[Tensor]()
        for node, enter in enumerate(self.enter, start=1):
            entered.append(enter(sums[-1]))
            into = [edge(entered[a]) for (a, b), edge in zip(EDGES, self.edges, strict=True) if b == node]
            sums.append(sum(into[1:], into[0]))
        return x_BVHW + sums[-1]


class Cells(nn.Module):
    """A convolution, stages of cells, a mean over height and width, a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.pixels = Pixels(inputs)
        assert inputs.signal is not None, "TAKES says so"
        width, (n_channels, height, _) = config.channels, inputs.signal.shape
        layers: list[nn.Module] = [convolution(n_channels, width)]
        for stage in range(config.stages):
            if stage and height > 1:
                layers += [nn.AvgPool2d(2), *_entered(config, width), convolution(width, 2 * width, size=1)]
                width, height = 2 * width, height // 2
            layers += [Cell(config, width) for _ in range(config.depth)]
        self.blocks = nn.Sequential(*layers, *_entered(config, width))
        self.output = Output(config, inputs, width, n_outputs, config.dropout)

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor, image_BCHW: Tensor) -> Tensor:
        """(numeric_BF, codes_BC, image_BCHW) -> out_BO."""
        x_BV = self.blocks(self.pixels(image_BCHW)).mean(dim=(2, 3))
        out_BO: Tensor = self.output(x_BV, numeric_BF, codes_BC)
        return out_BO


def _entered(config: Config, width: int) -> list[nn.Module]:
    return [normalization(config.normalization, width), activation(config.activation)]


def _layer(op: str, width: int) -> nn.Module:
    if op == "none":
        return Zero()
    if op == "skip":
        return nn.Identity()
    size = int(op[-1])
    if op.startswith("conv"):
        return convolution(width, width, size=size)
    apart = nn.Conv2d(width, width, size, padding=size // 2, groups=width, bias=False)
    return nn.Sequential(apart, convolution(width, width, size=1))


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network. A layer of V channels has 9 V ** 2 (conv3), V ** 2 (conv1) or V ** 2 + 9 V (sep3) weights."""
    return Cells(config, inputs, n_outputs)

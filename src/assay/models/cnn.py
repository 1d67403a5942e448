"""A plain convolutional network for images, two 3 x 3 layers a block (Simonyan & Zisserman 2014).

B rows, C channels, H height, W width, F numeric features, V features, O outputs.

| size | channels of its blocks | weights for 28 x 28 grey, 10 classes |
|---|---|---|
| tiny | 16, 32 | 17 k |
| small | 32, 64, 128 | 288 k |
| base | 64, 128, 256 | 1.15 M |

A block halves height and width, as long as there is something to halve: [B, 1, 28, 28] becomes [B, 32, 14, 14],
[B, 64, 7, 7] and [B, 128, 3, 3] in `small`, and its mean over height and width, [B, 128], goes to the output.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._beside import Output, SignalNetwork
from assay.models._image import Normalization, Pixels, convolution, normalization
from assay.models._layers import Activation, activation
from assay.models._numeric import NumericConfig

TAKES = ("image",)
SIZES = {"tiny": (16, 32), "small": (32, 64, 128), "base": (64, 128, 256)}


class Config(NumericConfig):
    """Options of `cnn`. `group` normalises each row alone, `batch` over the rows of a worker's share of a batch."""

    size: Literal["tiny", "small", "base"] = "small"
    activation: Activation = "relu"
    normalization: Normalization = "group"
    dropout: float = Field(default=0.2, ge=0, lt=1, description="before the output")


class CNN(SignalNetwork):
    """Blocks of two convolutions and a maximum over 2 x 2 pixels, a mean over what is left, and a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.pixels = Pixels(inputs)
        assert inputs.signal is not None, "TAKES says so"
        n_in, height, width = inputs.signal.shape
        layers: list[nn.Module] = []
        for n_out in SIZES[config.size]:
            for number in range(2):
                layers.append(convolution(n_in if number == 0 else n_out, n_out, bias=config.normalization == "none"))
                layers += [normalization(config.normalization, n_out), activation(config.activation)]
            if min(height, width) > 1:
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            n_in = n_out
        self.blocks = nn.Sequential(*layers)
        self.output = Output(config, inputs, n_in, n_outputs, config.dropout)

    def features(self, image_BCHW: Tensor) -> Tensor:
        """Image_BCHW -> x_BV."""
        x_BV: Tensor = self.blocks(self.pixels(image_BCHW)).mean(dim=(2, 3))
        return x_BV


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: 9 * V_in * V_out weights a layer, and V * O for the output."""
    return CNN(config, inputs, n_outputs)

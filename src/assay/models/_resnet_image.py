"""ResNet for images (He et al. 2016a), with normalisation and activation before each convolution (He et al. 2016b).

B rows, C channels, H height, W width, V features, O outputs. The table of sizes stands in `resnet.py`.
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

# Channels of the first stage, each further one having twice as many, and blocks of each stage.
SIZES = {"tiny": (16, (1, 1, 1)), "small": (32, (1, 1, 1)), "base": (64, (2, 2, 2)), "18": (64, (2, 2, 2, 2))}


class ImageConfig(NumericConfig):
    """What `resnet` takes for images, and passes on to tables' columns beside them."""

    size: Literal["tiny", "small", "base", "18"] = "small"
    activation: Activation = "relu"
    normalization: Literal["none", "batch", "layer"] = "layer"
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Block(nn.Module):
    """x + conv(act(norm(conv(act(norm(x)))))), where x is brought to the new size by a 1 x 1 convolution if need be."""

    def __init__(self, n_in: int, n_out: int, stride: int, norm: Normalization, act: Activation) -> None:
        super().__init__()
        self.enter = nn.Sequential(normalization(norm, n_in), activation(act))
        self.change = nn.Sequential(
            convolution(n_in, n_out, stride=stride),
            normalization(norm, n_out),
            activation(act),
            convolution(n_out, n_out),
        )
        same = n_in == n_out and stride == 1
        self.skip = None if same else convolution(n_in, n_out, size=1, stride=stride)

    def forward(self, x_BVHW: Tensor) -> Tensor:
        """x_BVHW -> x_BVHW, height and width divided by the stride."""
        entered_BVHW = self.enter(x_BVHW)
        changed_BVHW: Tensor = self.change(entered_BVHW)
        return changed_BVHW + (x_BVHW if self.skip is None else self.skip(entered_BVHW))


class ImageResNet(SignalNetwork):
    """A convolution, stages of blocks each at half the height and width of the one before, a mean, a linear output."""

    def __init__(self, config: ImageConfig, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.pixels = Pixels(inputs)
        assert inputs.signal is not None, "build says so"
        norm: Normalization = "group" if config.normalization == "layer" else config.normalization
        n_out, depths = SIZES[config.size]
        layers: list[nn.Module] = [convolution(inputs.signal.shape[0], n_out)]
        n_in = n_out
        for stage, n_blocks in enumerate(depths):
            for number in range(n_blocks):
                stride = 2 if stage and not number else 1
                layers.append(Block(n_in, n_out, stride, norm, config.activation))
                n_in = n_out
            n_out *= 2
        self.blocks = nn.Sequential(*layers, normalization(norm, n_in), activation(config.activation))
        self.output = Output(config, inputs, n_in, n_outputs, config.dropout)

    def features(self, image_BCHW: Tensor) -> Tensor:
        """Image_BCHW -> x_BV."""
        x_BV: Tensor = self.blocks(self.pixels(image_BCHW)).mean(dim=(2, 3))
        return x_BV

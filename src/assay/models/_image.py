"""What networks for images share. B rows, C channels, H height, W width, V channels of a hidden layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from assay.models import Inputs

Normalization = Literal["none", "batch", "group"]
GROUP = 16  # channels that are normalised together (Wu & He 2018, table 3: about as good as any)


class Pixels(nn.Module):
    """Bytes (or floats from 0 to 255, as augmentation leaves them) to numbers with mean 0 and spread 1 per channel.

    Channels come last in memory, in which convolutions are twice as fast on most processors.
    """

    scale_C: Tensor
    shift_C: Tensor

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        assert inputs.signal is not None, "families say by TAKES what they need"
        mean_C, std_C = torch.tensor(inputs.signal.mean), torch.tensor(inputs.signal.std)
        self.n_channels = inputs.signal.shape[0]
        self.register_buffer("scale_C", 1 / (255 * std_C), persistent=False)
        self.register_buffer("shift_C", -mean_C / std_C, persistent=False)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Image_BCHW (uint8 or float) -> x_BCHW (float32)."""
        x_BCHW = torch.addcmul(self.shift_C[:, None, None], image_BCHW.float(), self.scale_C[:, None, None])
        return x_BCHW.contiguous(memory_format=torch.channels_last)


def convolution(n_in: int, n_out: int, size: int = 3, stride: int = 1, *, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps height and width, or divides them by `stride`; weights as in He et al. 2015."""
    layer = nn.Conv2d(n_in, n_out, size, stride, padding=size // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def normalization(name: Normalization, width: int) -> nn.Module:
    """Of `width` channels. `batch` looks at all rows of a worker's share, the others at one row at a time."""
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(max(1, width // GROUP), width)

"""ResNet: for tables (Gorishniy et al. 2021) and for images (He et al. 2016).

The idea is one, a path past every layer, and so is the name; what a layer is follows from the input. For tables it is
a linear layer, and `width` and `depth` say how many; for images, in `_resnet_image.py`, a convolution, and `size` does:

| size | channels | blocks | weights for 28 x 28 grey, 10 classes |
|---|---|---|---|
| tiny | 16, 32, 64 | 1, 1, 1 | 78 k |
| small | 32, 64, 128 | 1, 1, 1 | 308 k |
| base | 64, 128, 256 | 2, 2, 2 | 2.8 M |
| 18 | 64, 128, 256, 512 | 2, 2, 2, 2 | 11.2 M |

[B, 1, 28, 28] becomes [B, 32, 28, 28], [B, 64, 14, 14] and [B, 128, 7, 7] in `small`, and its mean [B, 128].

B rows, F numeric features, C categorical features, W width, O outputs.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from assay.errors import Mistake, SpecError
from assay.models import Inputs
from assay.models._inputs import InputLinear, Rows
from assay.models._layers import Dropout, activation, normalization
from assay.models._resnet_image import ImageConfig, ImageResNet

TAKES = ("table", "image")
OF_TABLES = ("width", "depth", "hidden_factor", "residual_dropout")


class Config(ImageConfig):
    """Options of `resnet`: `size` is of images; width, depth, hidden_factor and residual_dropout are of tables.

    `normalization: batch` is the papers'; `layer` (for images: groups of channels) computes the same for any batch
    size. For images `dropout` is that before the output.
    """

    width: int = Field(default=192, ge=1, le=65536)
    depth: int = Field(default=2, ge=1, le=100, description="residual blocks")
    hidden_factor: float = Field(default=2.0, gt=0, le=64, description="inner width of a block over its width")
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
    """A new residual network.

    About W * (D + L) + 2 * depth * hidden_factor * W ** 2 weights for tables, plus embeddings; 18 * V ** 2 a block of V
    channels for images. Raises SpecError for an option that is not of this kind of input.
    """
    _check_options(config, "table" if inputs.signal is None else inputs.signal.kind)
    if inputs.signal is None:
        return ResNet(config, inputs, n_outputs)
    return ImageResNet(config, inputs, n_outputs)


def _check_options(config: Config, kind: str) -> None:
    strange = ("size",) if kind == "table" else OF_TABLES
    mistakes = [
        Mistake(
            where=f"model.{name}", found=f"it is not of a resnet for {kind}s", allowed=f"the default, {field.default}"
        )
        for name, field in Config.model_fields.items()
        if name in strange and getattr(config, name) != field.default
    ]
    if mistakes:
        raise SpecError.of(mistakes)

"""Images changed at random while training, on the device, a batch at a time.

One affine map per row does flips, rotations, shifts and random-resized crops in one pass (Jaderberg et al. 2015), so
pixels are interpolated once. Colours follow, then erasing, then mixing. Random numbers come from torch's generator,
which training starts anew for every update.

B rows, C channels, H height, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from assay.spec.training import AugmentSpec
from assay.training._losses import Loss


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a batch: of each row its own, and with the share 1 - `own_frac` that of the row mixed into it."""

    own_B: Tensor
    other_B: Tensor | None = None
    own_frac: float = 1.0

    def loss(self, loss: Loss, out: Tensor, n_rows: int | None = None) -> Tensor:
        """The loss summed over all rows, or over the first `n_rows`; a slice of all would cost a gradient."""
        own_B, other_B = self.own_B, self.other_B
        if n_rows is not None:
            out, own_B = out[:n_rows], own_B[:n_rows]
            other_B = None if other_B is None else other_B[:n_rows]
        own = loss.sum(out, own_B)
        return own if other_B is None else self.own_frac * own + (1 - self.own_frac) * loss.sum(out, other_B)


def augmented(image_BCHW: Tensor, target_B: Tensor, spec: AugmentSpec) -> tuple[Tensor, Targets]:
    """Images as floats from 0 to 255, and targets."""
    x_BCHW = _coloured(_moved(image_BCHW.float(), spec), spec)
    if spec.erase:
        x_BCHW = _erased(x_BCHW, spec.erase)
    return _mixed(x_BCHW, target_B, spec)


def _moved(x_BCHW: Tensor, spec: AugmentSpec) -> Tensor:
    if not (spec.flip != "none" or spec.rotate or spec.shift or spec.crop):
        return x_BCHW
    height, width = x_BCHW.shape[2:]
    angle_B = _uniform(x_BCHW, -math.radians(spec.rotate), math.radians(spec.rotate))
    flip_x_B = _signs(x_BCHW) if spec.flip in ("horizontal", "both") else torch.ones_like(angle_B)
    flip_y_B = _signs(x_BCHW) if spec.flip in ("vertical", "both") else torch.ones_like(angle_B)
    area_low, area_high = spec.crop or (1.0, 1.0)
    scale_B = _uniform(x_BCHW, area_low, area_high).sqrt()
    # Whole pixels, so that a shift alone changes no pixel's value; a crop may lie anywhere inside the image.
    shift_B2 = torch.stack(
        [
            (_uniform(x_BCHW, -spec.shift, spec.shift) * side).round() * 2 / side
            + _uniform(x_BCHW, -1, 1) * (1 - scale_B)
            for side in (width, height)
        ],
        dim=1,
    )
    cos_B, sin_B = angle_B.cos() * scale_B, angle_B.sin() * scale_B
    ratio = height / width
    row_x_B2 = torch.stack([flip_x_B * cos_B, -flip_y_B * sin_B * ratio], dim=1)
    row_y_B2 = torch.stack([flip_x_B * sin_B / ratio, flip_y_B * cos_B], dim=1)
    affine_B23 = torch.cat([torch.stack([row_x_B2, row_y_B2], dim=1), shift_B2[:, :, None]], dim=2)
    grid = functional.affine_grid(affine_B23, list(x_BCHW.shape), align_corners=False)
    return functional.grid_sample(x_BCHW, grid, padding_mode="reflection", align_corners=False)


def _coloured(x_BCHW: Tensor, spec: AugmentSpec) -> Tensor:
    if spec.brightness:
        x_BCHW = x_BCHW * _factors(x_BCHW, spec.brightness)
    if spec.contrast:
        mean_B111 = x_BCHW.mean(dim=(1, 2, 3), keepdim=True)
        x_BCHW = mean_B111 + (x_BCHW - mean_B111) * _factors(x_BCHW, spec.contrast)
    if spec.saturation and x_BCHW.shape[1] == 3:
        grey_B1HW = x_BCHW.mean(dim=1, keepdim=True)
        x_BCHW = grey_B1HW + (x_BCHW - grey_B1HW) * _factors(x_BCHW, spec.saturation)
    return x_BCHW.clamp(0, 255) if spec.brightness or spec.contrast or spec.saturation else x_BCHW


def _erased(x_BCHW: Tensor, most: float) -> Tensor:
    """A square of at most that share of the sides becomes the image's mean (DeVries & Taylor 2017)."""
    inside_B1HW = _box(x_BCHW, _uniform(x_BCHW, 0, most))
    return torch.where(inside_B1HW, x_BCHW.mean(dim=(1, 2, 3), keepdim=True), x_BCHW)


def _mixed(x_BCHW: Tensor, target_B: Tensor, spec: AugmentSpec) -> tuple[Tensor, Targets]:
    """Mixup (Zhang et al. 2018) or CutMix (Yun et al. 2019) of each row with its neighbour; with both, one by lot."""
    kinds = [kind for kind, alpha in (("mixup", spec.mixup), ("cutmix", spec.cutmix)) if alpha]
    if not kinds or len(x_BCHW) < 2:
        return x_BCHW, Targets(target_B)
    kind = kinds[int(torch.randint(len(kinds), ()))]
    alpha = float(spec.mixup if kind == "mixup" else spec.cutmix)
    own_frac = float(torch.distributions.Beta(alpha, alpha, validate_args=False).sample())
    other_BCHW, other_B = x_BCHW.roll(1, 0), target_B.roll(1, 0)
    if kind == "mixup":
        return torch.lerp(other_BCHW, x_BCHW, own_frac), Targets(target_B, other_B, own_frac)
    side_B = torch.full((len(x_BCHW),), math.sqrt(1 - own_frac), device=x_BCHW.device)
    inside_B1HW = _box(x_BCHW, side_B, alike=True)
    own_frac = 1 - float(inside_B1HW[0].float().mean())
    return torch.where(inside_B1HW, other_BCHW, x_BCHW), Targets(target_B, other_B, own_frac)


def _box(x_BCHW: Tensor, side_B: Tensor, *, alike: bool = False) -> Tensor:
    """True inside a box of `side_B` of both sides, somewhere in each image (`alike`: at the same place in all)."""
    inside_B1HW = torch.ones_like(x_BCHW[:, :1], dtype=torch.bool)
    for axis, n in ((2, x_BCHW.shape[2]), (3, x_BCHW.shape[3])):
        place_B = _uniform(x_BCHW, 0, 1)
        start_B = (place_B[:1].expand_as(place_B) if alike else place_B) * (1 - side_B)
        at_N = (torch.arange(n, device=x_BCHW.device) + 0.5) / n
        along_BN = (at_N >= start_B[:, None]) & (at_N < (start_B + side_B)[:, None])
        inside_B1HW = inside_B1HW & (along_BN[:, None, :, None] if axis == 2 else along_BN[:, None, None, :])
    return inside_B1HW


def _uniform(x_BCHW: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(x_BCHW), device=x_BCHW.device).uniform_(low, high)


def _factors(x_BCHW: Tensor, spread: float) -> Tensor:
    return _uniform(x_BCHW, 1 - spread, 1 + spread)[:, None, None, None]


def _signs(x_BCHW: Tensor) -> Tensor:
    return torch.randint(0, 2, (len(x_BCHW),), device=x_BCHW.device) * 2.0 - 1

"""Augmentations, each against what numpy does with the same pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from assay.artifacts import TargetInfo
from assay.spec.training import AugmentSpec, TrainingSpec
from assay.training._augment import augmented
from assay.training._losses import Loss


def images(n_rows: int = 64, channels: int = 1, height: int = 8, width: int = 8, seed: int = 0) -> Tensor:
    draw = np.random.default_rng(seed)
    return torch.from_numpy(draw.integers(0, 256, (n_rows, channels, height, width), dtype=np.uint8))


def change(x_BCHW: Tensor, seed: int = 0, **spec: Any) -> np.ndarray:
    torch.manual_seed(seed)
    return augmented(x_BCHW, torch.zeros(len(x_BCHW), dtype=torch.int64), AugmentSpec(**spec))[0].numpy()


def one_of(found: np.ndarray, candidates: list[np.ndarray]) -> list[int]:
    """For each row which candidate it is, to 1e-3; -1 for none."""
    close = np.stack([np.abs(found - c).max(axis=(1, 2, 3)) < 1e-2 for c in candidates])
    return [int(row.argmax()) if row.any() else -1 for row in close.T]


def test_without_augmentation_nothing_changes() -> None:
    x_BCHW = images()
    np.testing.assert_array_equal(change(x_BCHW), x_BCHW.numpy().astype(np.float32))


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", [(), (3,)]), ("vertical", [(), (2,)])])
def test_a_flip_turns_about_half_of_the_rows_round(flip: str, axes: list[tuple[int, ...]]) -> None:
    x = images(width=6).numpy().astype(np.float32)
    which = one_of(change(images(width=6), flip=flip), [np.flip(x, axis) for axis in axes])
    assert set(which) == {0, 1}
    assert 16 < sum(which) < 48


def test_a_shift_moves_whole_pixels_and_changes_none() -> None:
    x_BCHW = images()
    x = x_BCHW.numpy().astype(np.float32)
    moves = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="symmetric")
    candidates = [padded[:, :, 2 + dy : 10 + dy, 2 + dx : 10 + dx] for dy, dx in moves]
    which = one_of(change(x_BCHW, shift=0.25), candidates)
    assert -1 not in which
    assert len(set(which)) > 15


def test_a_quarter_turn_is_numpys() -> None:
    # The spec draws an angle; at +-180 degrees of a symmetric range the map must stay a rotation: sums stay equal.
    x_BCHW = torch.zeros(256, 1, 9, 9)
    x_BCHW[:, :, 4, 1:8] = 200.0  # a bar through the middle keeps its middle whatever the angle
    found = change(x_BCHW, rotate=180)
    assert (found[:, 0, 4, 4] > 150).all()
    upright = found[:, 0, 1:8, 4].min(axis=1) > 150
    assert upright.any()
    assert not upright.all()


def test_flips_and_turns_together_keep_shapes() -> None:
    # An affine map that mixes a flip into a rotation wrongly would shear: what is round stays round.
    at = torch.arange(21) - 10
    hill = (-(at[:, None] ** 2 + at**2) / 18).exp() * 200
    found = change(hill.expand(64, 1, 21, 21), flip="both", rotate=90)
    inside = (at[:, None] ** 2 + at**2 <= 100).numpy()  # what lies in the corners is turned out of the image
    assert np.abs(found - hill.numpy())[:, :, inside].max() < 6


def test_a_crop_shows_a_part_of_the_image_only() -> None:
    ramp = torch.arange(32.0).expand(128, 1, 32, 32)
    found = change(ramp, crop=(0.25, 0.25))
    spans = found[:, 0, 16, -1] - found[:, 0, 16, 0]
    np.testing.assert_allclose(spans, 15.5, atol=0.6)  # half of each side
    starts = found[:, 0, 16, 0]
    assert starts.min() < 2
    assert starts.max() > 14


def test_colours_change_within_their_bounds() -> None:
    x_BCHW = images(channels=3).clamp(50, 100)
    x = x_BCHW.numpy().astype(np.float32)
    factor = change(x_BCHW, brightness=0.3) / x
    assert np.ptp(factor, axis=(1, 2, 3)).max() < 1e-4
    assert 0.7 <= factor.min() < 0.8 < 1.2 < factor.max() <= 1.3
    contrast = change(x_BCHW, contrast=0.5)
    np.testing.assert_allclose(contrast.mean(axis=(1, 2, 3)), x.mean(axis=(1, 2, 3)), rtol=1e-3)
    saturated = change(x_BCHW, saturation=1.0)
    np.testing.assert_allclose(saturated.mean(axis=1), x.mean(axis=1), rtol=1e-3)


def test_erasing_blanks_a_square_with_the_mean() -> None:
    x_BCHW = images(height=16, width=16)
    x, found = x_BCHW.numpy().astype(np.float32), change(x_BCHW, erase=0.5)
    changed = found != x
    means = np.broadcast_to(x.mean(axis=(1, 2, 3), keepdims=True), x.shape)
    np.testing.assert_allclose(found[changed], means[changed], rtol=1e-5)
    assert 0 < changed.mean() <= 0.25


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixed_images_have_mixed_losses(kind: str) -> None:
    x_BCHW, y_B = images(8), torch.arange(8) % 4
    torch.manual_seed(3)
    found, targets = augmented(x_BCHW, y_B, AugmentSpec(**{kind: 1.0}))
    x = x_BCHW.float()
    other = x.roll(1, 0)
    own = targets.own_frac
    assert 0 < own < 1
    if kind == "mixup":
        torch.testing.assert_close(found, own * x + (1 - own) * other)
    else:
        from_own = (found == x) & (found != other)
        from_other = (found == other) & (found != x)
        assert (from_own | from_other | (x == other)).all()
        assert from_other.float().mean() == pytest.approx(1 - own, abs=0.02)
    out_BO = torch.randn(8, 4)
    info = TargetInfo(column="y", task="classification", classes=tuple("abcd"), class_counts=(2, 2, 2, 2))
    loss = Loss.of(TrainingSpec(), info, y_B, torch.device("cpu"))
    logs = out_BO.log_softmax(1)
    rows = torch.arange(8)
    expected = -(own * logs[rows, y_B] + (1 - own) * logs[rows, y_B.roll(1)]).sum()
    torch.testing.assert_close(targets.loss(loss, out_BO, 8), expected)
    torch.testing.assert_close(
        targets.loss(loss, out_BO, 3), -(own * logs[rows, y_B] + (1 - own) * logs[rows, y_B.roll(1)])[:3].sum()
    )

"""Images: files in a column, all turned into bytes of one size and one number of channels.

N training rows, B rows, C channels, H height, W width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from assay.artifacts import Signal
from assay.errors import DataError, examples
from assay.spec.preprocessing import ImageSpec

Read = Callable[[], Iterator[pa.Array]]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image becomes: `resize: exact` takes only what has this size already.

    `mean` and `std` are those of each channel over all pixels of the training rows, bytes taken as 0 to 1.
    """

    dtype: ClassVar[DTypeLike] = np.uint8

    column: str
    channels: int
    height: int
    width: int
    resize: Literal["exact", "crop", "stretch"]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def signal(self) -> Signal:
        """What networks are told."""
        shape = (self.channels, self.height, self.width)
        return Signal(kind="image", column=self.column, shape=shape, mean=self.mean, std=self.std)

    def read(self, array: pa.Array, rows_B: Rows) -> NDArray[Any]:
        """Pixels, uint8 [B, C, H, W]. Raises DataError that names the rows whose image cannot be used."""
        from assay.preprocessing import _pixels

        wanted = _pixels.Wanted(self.channels, self.height, self.width, self.resize)
        found = _pixels.decoded(array.to_pylist(), wanted)
        _refuse(self.column, [(row, pixels) for row, pixels in zip(rows_B, found, strict=True)], self)
        pixels_BCHW = np.empty((len(found), *self.signal.shape), np.uint8)
        for place, pixels in enumerate(found):
            pixels_BCHW[place] = pixels
        return pixels_BCHW


def fit(spec: ImageSpec, read: Read, rows_N: Rows) -> tuple[Image, tuple[str, ...]]:
    """The size, the channels, and the mean and spread of each channel. Sums of whole numbers: no order matters."""
    image = _shape(spec, read, rows_N)
    n = np.zeros(1, np.int64)
    total_C, squares_C = np.zeros(image.channels, np.int64), np.zeros(image.channels, np.int64)
    done = 0
    for array in read():
        pixels_BCHW = image.read(array, rows_N[done : done + len(array)])
        counts_CV = np.stack([np.bincount(pixels_BCHW[:, c].ravel(), minlength=256) for c in range(image.channels)])
        values_V = np.arange(256)
        total_C, squares_C = total_C + counts_CV @ values_V, squares_C + counts_CV @ values_V**2
        n, done = n + counts_CV[0].sum(), done + len(array)
    mean_C = total_C / n / 255
    std_C = np.sqrt(np.maximum(squares_C / n / 255**2 - mean_C**2, 0))
    image = replace(image, mean=tuple(mean_C.tolist()), std=tuple(np.where(std_C > 0, std_C, 1.0).tolist()))
    return image, ()


def _shape(spec: ImageSpec, read: Read, rows_N: Rows) -> Image:
    """Size and channels, from the spec or from the heads of the training rows' files."""
    from assay.preprocessing import _pixels

    sizes: Counter[tuple[int, int]] = Counter()
    grey, done = True, 0
    bad: list[tuple[int, Any]] = []
    for array in read():
        for row, head in zip(rows_N[done : done + len(array)], map(_pixels.head, array.to_pylist()), strict=True):
            if isinstance(head, str):
                bad.append((int(row), head))
            else:
                sizes[head.height, head.width] += 1
                grey = grey and head.grey
        done += len(array)
    channels = spec.channels or (1 if grey else 3)
    _refuse(spec.column, bad, None)
    if spec.size is not None:
        height, width = spec.size if isinstance(spec.size, tuple) else (spec.size, spec.size)
        return Image(column=spec.column, channels=channels, height=height, width=width, resize=spec.resize)
    if len(sizes) > 1:
        told = [f"{height} x {width} ({n:,} images)" for (height, width), n in sizes.most_common()]
        raise DataError(
            f"column {spec.column!r}: the images of the train rows have {len(sizes)} sizes: {examples(told)}. "
            "Allowed: one size. Write `preprocessing: {image: {size: 64}}` to bring them to one."
        )
    height, width = next(iter(sizes))
    return Image(column=spec.column, channels=channels, height=height, width=width, resize="exact")


def _refuse(column: str, found: list[tuple[Any, Any]], image: Image | None) -> None:
    """Raise DataError when one of `found` (row, pixels or what is wrong) is wrong."""
    bad = [f"row {int(row) + 1:,}: {what}" for row, what in found if isinstance(what, str)]
    if bad:
        size = f" of {image.height} x {image.width} pixels" if image is not None and image.resize == "exact" else ""
        colour = "" if image is None else " in grey" if image.channels == 1 else " in colour or grey"
        raise DataError(
            f"column {column!r}: {len(bad)} of {len(found)} images cannot be used. {'; '.join(bad[:5])}"
            f"{'; ...' if len(bad) > 5 else ''}. Allowed: whole PNG, JPEG or WebP files{size}{colour}. "
            "Leave these rows out, or repair the files."
        )

"""From the bytes of a file to pixels, by Pillow. What is wrong with a file comes back as text, never as an exception.

C channels, H height, W width.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 50_000_000  # of one file; a few kilobytes can claim to be many gigabytes
TURNED = ("JPEG", "WEBP")  # cameras write these, and which way up they were held
GREY, COLOUR = ("1", "L"), ("RGB", "P")
FEW = 8  # files below which threads cost more than they save

# What Pillow raises for damaged files of these formats, and the largest file that it would decode by itself.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, OverflowError, struct.error, Pillow.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a file says."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an image is to become; with `exact` only what has this size already is taken."""

    channels: int
    height: int
    width: int
    resize: Literal["exact", "crop", "stretch"]


def head(data: bytes | None) -> Head | str:
    """Size and colour without the pixels, or what is wrong."""
    opened = _opened(data)
    if isinstance(opened, str):
        return opened
    with opened as picture:
        width, height = picture.size
        if _on_its_side(picture):
            height, width = width, height
        return Head(height, width, picture.mode in GREY)


def decoded(files: Sequence[bytes | None], wanted: Wanted) -> list[NDArray[np.uint8] | str]:
    """The pixels [C, H, W] of each file, or what is wrong with it. Decoding lets go of Python's lock: threads help."""
    if len(files) <= FEW:
        return [_pixels(data, wanted) for data in files]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(partial(_pixels, wanted=wanted), files))


def _opened(data: bytes | None) -> Any:
    """The file, its head read; or what is wrong."""
    if not data:
        return "it is missing" if data is None else "it is empty"
    try:
        picture = Pillow.open(io.BytesIO(data), formats=FORMATS)
    except _DAMAGED as problem:
        if isinstance(problem, Pillow.DecompressionBombError):
            return f"it claims more than {MAX_PIXELS:,} pixels"
        return f"it is no {', '.join(FORMATS)} file"
    if picture.width * picture.height > MAX_PIXELS:
        return f"it claims {picture.width:,} x {picture.height:,} pixels, more than {MAX_PIXELS:,}"
    if picture.mode not in (*GREY, *COLOUR):
        return f"its colours are {picture.mode} ({len(picture.getbands())} channels, {_bits(picture.mode)} bits each)"
    return picture


def _pixels(data: bytes | None, wanted: Wanted) -> NDArray[np.uint8] | str:
    opened = _opened(data)
    if isinstance(opened, str):
        return opened
    with opened as picture:
        try:
            picture.load()
            upright = ImageOps.exif_transpose(picture) if picture.format in TURNED else picture
        except _DAMAGED as problem:
            return f"it is cut short or damaged ({str(problem)[:80]})"
    if wanted.channels == 1 and upright.mode not in GREY:
        return f"it is in colour ({upright.mode})"
    picture = upright.convert("L" if wanted.channels == 1 else "RGB")
    size = (wanted.width, wanted.height)
    if wanted.resize == "exact" and picture.size != size:
        return f"it has {picture.height} x {picture.width} pixels"
    if picture.size != size:
        resample = Pillow.Resampling.BILINEAR
        picture = (
            picture.resize(size, resample) if wanted.resize == "stretch" else ImageOps.fit(picture, size, resample)
        )
    pixels = np.asarray(picture, np.uint8)
    return pixels[None] if wanted.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _on_its_side(picture: Any) -> bool:
    try:
        return picture.format in TURNED and picture.getexif().get(0x0112, 1) >= 5
    except _DAMAGED:
        return False  # decoding will tell


def _bits(mode: str) -> int:
    return 16 if ";16" in mode else 32 if mode in ("I", "F") else 8

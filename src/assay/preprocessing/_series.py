"""Series: one or several channels of numbers, of unequal length. N training rows, B rows, L steps, C channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from assay.artifacts import Signal
from assay.errors import DataError
from assay.spec.preprocessing import SeriesSpec

Rows = NDArray[np.int64]
Steps = NDArray[np.float32]  # [steps, channels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """`mean` and `std` are those of each channel over all steps of the training rows."""

    dtype: ClassVar[DTypeLike] = np.float32

    column: str
    layout: Literal["channels_first", "steps_first"]
    channels: int
    length: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def signal(self) -> Signal:
        """What networks are told."""
        return Signal(kind="series", column=self.column, shape=(self.length, self.channels))

    def read(self, array: pa.Array, rows_B: Rows) -> NDArray[Any]:
        """Standardised steps, float32 [B, L, C], NaN after a series' end. Raises DataError that names unusable rows."""
        found = [_steps(value, self.layout, self.channels) for value in array.to_pylist()]
        _refuse(self.column, list(zip(rows_B, found, strict=True)))
        steps_BLC = np.full((len(found), self.length, self.channels), np.nan, np.float32)
        for place, steps in enumerate(found):
            assert not isinstance(steps, str), "refused above"
            own = steps[: self.length]
            steps_BLC[place, : len(own)] = (own - np.array(self.mean)) / np.array(self.std)
        return steps_BLC


def fit(spec: SeriesSpec, read: Callable[[], Iterator[pa.Array]], rows_N: Rows) -> tuple[Series, tuple[str, ...]]:
    """Length, channels, and the mean and spread of each channel over the training rows."""
    found = [(row, _steps(value, spec.layout)) for row, value in zip(rows_N, _values(read), strict=True)]
    _refuse(spec.column, found)
    all_steps = [steps for _, steps in found if not isinstance(steps, str)]
    _refuse_channels(spec.column, all_steps)
    lengths_N = np.array([len(steps) for steps in all_steps])
    length, channels = spec.length or int(lengths_N.max()), all_steps[0].shape[1]
    series = Series(
        column=spec.column,
        layout=spec.layout,
        channels=channels,
        length=length,
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
    )
    if spec.scale == "standard":
        steps_SC = np.sort(np.concatenate(all_steps).astype(np.float64), axis=0)  # so that no order of rows matters
        std_C = steps_SC.std(axis=0)
        std_C = np.where(std_C > 0, std_C, 1.0)
        series = replace(series, mean=tuple(steps_SC.mean(axis=0).tolist()), std=tuple(std_C.tolist()))
    n_cut = int((lengths_N > length).sum())
    share = n_cut / len(lengths_N)
    cut = f"{spec.column!r}: {n_cut:,} train rows ({share:.1%}) are longer than {length} steps and cut."
    return series, ((cut,) if n_cut else ())


def _values(read: Callable[[], Iterator[pa.Array]]) -> Iterator[Any]:
    for array in read():
        yield from array.to_pylist()


def _steps(value: Any, layout: str, channels: int | None = None) -> Steps | str:
    """One series as steps x channels, or what is wrong with it."""
    if value is None:
        return "it is missing"
    parts = value if value and isinstance(value[0], list) else [value]
    if any(part is None or len(part) != len(parts[0]) for part in parts):
        return "its lists differ in length"
    steps = np.array(parts, np.float32)  # a missing number becomes NaN
    if steps.size == 0:
        return "it has no steps"
    if layout == "channels_first" or parts[0] is value:
        steps = steps.T
    if not np.isfinite(steps).all():
        return f"{int((~np.isfinite(steps)).sum())} of its numbers are missing, NaN or infinite"
    if channels is not None and steps.shape[1] != channels:
        return f"it has {steps.shape[1]} channels, not {channels}"
    return np.ascontiguousarray(steps)


def _refuse(column: str, found: list[tuple[Any, Steps | str]]) -> None:
    """Raise DataError when one of `found` is wrong."""
    bad = [f"row {int(row) + 1:,}: {what}" for row, what in found if isinstance(what, str)]
    if bad:
        raise DataError(
            f"column {column!r}: {len(bad)} of {len(found)} series cannot be used. {'; '.join(bad[:5])}"
            f"{'; ...' if len(bad) > 5 else ''}. Allowed: finite numbers, one step or more, the same channels in every "
            "row. Leave these rows out, or fill the gaps first."
        )


def _refuse_channels(column: str, all_steps: list[Steps]) -> None:
    """Raise DataError when rows differ in their channels, as they do when the layout is the other one."""
    numbers = sorted({steps.shape[1] for steps in all_steps})
    if len(numbers) > 1:
        raise DataError(
            f"column {column!r}: rows have {numbers[0]} to {numbers[-1]} channels. Allowed: the same in every row. "
            "`preprocessing: {series: {layout: steps_first}}` reads lists of steps, `channels_first` lists of channels."
        )

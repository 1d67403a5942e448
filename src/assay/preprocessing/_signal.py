"""The one column that is no table cell: an image, a text or a series. Found, taken out of the table, and learned.

Each kind is a small dataclass of what was learned, with `signal` (what networks are told), `dtype` and
`read(array, rows_B)`, which turns a raw column into the array that networks take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.artifacts import Column, SignalKind, TrainFold
from assay.errors import Mistake, did_you_mean
from assay.preprocessing import _image, _series, _text
from assay.preprocessing._encode import SIGNAL_ROWS, batches
from assay.preprocessing._read import family, one_array
from assay.preprocessing._state import State
from assay.spec.preprocessing import ImageSpec, PreprocessingSpec, SeriesSpec, TextSpec
from assay.store import Store

_FAMILIES = {"image": ("bytes", "bytes, the files of images"), "text": ("text", "texts"), "series": ("list", "lists")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was learned of the column, and notes for people."""

    column: Column
    reader: _image.Image | _text.Text | _series.Series
    notes: tuple[str, ...]

    def joined(self, state: State) -> State:
        """`state` with this column among what is read."""
        inputs = (*state.inputs, self.column)
        if isinstance(self.reader, _image.Image):
            return replace(state, inputs=inputs, image=self.reader)
        if isinstance(self.reader, _text.Text):
            return replace(state, inputs=inputs, text=self.reader)
        return replace(state, inputs=inputs, series=self.reader)


def apart(config: PreprocessingSpec, columns: tuple[Column, ...]) -> tuple[Column | None, tuple[Column, ...]]:
    """The column of the signal, under its kind, and those that are left to the table."""
    spec = config.signal
    own = next((column for column in columns if spec is not None and column.name == spec.column), None)
    rest = tuple(column for column in columns if column is not own)
    return (None if own is None else replace(own, kind=_kind(config))), rest


def mistakes(config: PreprocessingSpec, columns: tuple[Column, ...]) -> tuple[Mistake, ...]:
    """The mistake of naming a column that is no feature, or holds something else; none where there is none."""
    if config.signal is None:
        return ()
    own, rest = apart(config, columns)
    where, name = f"preprocessing.{_kind(config)}.column", config.signal.column
    if own is None:
        names = [column.name for column in rest]
        hint = did_you_mean(name, names)
        return (Mistake(where=where, found=f"{name!r} is no feature", allowed=", ".join(names) or "none", hint=hint),)
    wanted, allowed = _FAMILIES[_kind(config)]
    if family(own.arrow_type) != wanted:
        return (Mistake(where=where, found=f"{name!r} holds {own.arrow_type}", allowed=f"a column of {allowed}"),)
    return ()


def fit(
    train: TrainFold, config: PreprocessingSpec, columns: tuple[Column, ...], store: Store
) -> tuple[Fitted | None, tuple[Column, ...]]:
    """What is learned of the signal, where there is one, and the columns that are left to the table."""
    column, rest = apart(config, columns)
    if config.signal is None or column is None:
        return None, rest
    name = column.name

    def read() -> Iterator[pa.Array]:
        for batch in batches(train, [name], store, SIGNAL_ROWS):
            yield one_array(batch.column(0))

    reader, notes = _learn(config.signal, read, store.array(train.rows))
    return Fitted(column=column, reader=reader, notes=notes), rest


def _kind(config: PreprocessingSpec) -> SignalKind:
    return "image" if config.image else "text" if config.text else "series"


def _learn(
    spec: ImageSpec | TextSpec | SeriesSpec, read: Callable[[], Iterator[pa.Array]], rows_N: NDArray[np.int64]
) -> tuple[_image.Image | _text.Text | _series.Series, tuple[str, ...]]:
    """What `read`, which goes through the train rows each time it is called, says of the column."""
    if isinstance(spec, ImageSpec):
        return _image.fit(spec, read, rows_N)
    return _text.fit(spec, read, rows_N) if isinstance(spec, TextSpec) else _series.fit(spec, read, rows_N)

"""A few rows as plain values, as a request brings them: read without a table, and as a table.

What a value may be follows from the column in training (`wire`): a number, a text, a boolean, a time, or None. `Given`
answers what `Raw` answers of a table of the same rows, to the bit; making that table would cost more than all that
follows. B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.artifacts import Column
from assay.preprocessing._read import Floats, Times, family, finite, to_numbers, to_times

Value = float | int | bool | str | datetime | None
Wire = Literal["number", "integer", "boolean", "time", "text"]
_ARROW: dict[Wire, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
    "text": pa.string(),
}


def _naive(value: Any) -> Any:
    """A time with an offset, in UTC."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


_CONVERT: dict[Wire, Callable[[Any], Any]] = {"time": _naive, "number": float}


def wire(column: Column) -> Wire:
    """How a value of `column` is given. A time without a zone is of UTC where the column had one in training."""
    held = family(column.arrow_type)
    if held == "time" and column.kind == "datetime":
        return "time"
    if held == "number":
        is_whole = column.arrow_type.startswith(("int", "uint"))
        return "integer" if column.kind == "categorical" and is_whole else "number"
    return "boolean" if held == "boolean" else "text"


def as_table(rows: Sequence[Mapping[str, Value]], columns: Sequence[Column]) -> pa.Table:
    """The rows as a table of `columns`."""
    arrays = {}
    for column in columns:
        kind = wire(column)
        convert = _CONVERT.get(kind)
        values = [row[column.name] for row in rows]
        if convert is not None:
            values = [None if value is None else convert(value) for value in values]
        arrays[column.name] = pa.array(values, _ARROW[kind])
    return pa.table(arrays)


def text(value: Value) -> str | None:
    """A value of a categorical column as the text that names its level."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _written(value) if isinstance(value, float) else str(value)


class Given:
    """Rows of plain values, by column. Knows what `Raw` knows."""

    def __init__(self, rows: Sequence[Mapping[str, Value]], columns: Sequence[Column]) -> None:
        self._rows = rows
        self._columns = {column.name: column for column in columns}
        self._cache: dict[str, Any] = {}

    def numbers(self, name: str) -> Floats:
        """The column as numbers, NaN where there is none."""
        if name not in self._cache:
            values = [row[name] for row in self._rows]
            if any(isinstance(value, str) for value in values):
                x_B = to_numbers(pa.array(values, pa.string()))
            else:
                x_B = np.array([np.nan if value is None else value for value in values], np.float64)
            self._cache[name] = finite(x_B)
        found: Floats = self._cache[name]
        return found

    def times(self, name: str) -> Times:
        """The column as wall-clock times of the zone that it had in training."""
        if name not in self._cache:
            column = self._columns[name]
            self._cache[name] = to_times(as_table(self._rows, [column]).column(0).chunk(0), column.arrow_type)
        found: Times = self._cache[name]
        return found

    def codes(self, name: str, code_of: Callable[[str | None], int]) -> NDArray[np.int64]:
        """The codes of a column of texts."""
        return np.array([code_of(text(row[name])) for row in self._rows])

    def n_missing(self, name: str) -> int:
        """How many values of the column are missing or cannot be used."""
        kind = self._columns[name].kind
        if kind == "categorical":
            return sum(row[name] is None for row in self._rows)
        return int(np.isnan(self.numbers(name)).sum() if kind == "numeric" else np.isnat(self.times(name)).sum())


@lru_cache(maxsize=65_536)
def _written(value: float) -> str | None:
    """A number as Arrow writes it: 1.0 and 1 are the same level. NaN is none."""
    return None if value != value else str(pa.scalar(value, pa.float64()).cast(pa.string()).as_py())

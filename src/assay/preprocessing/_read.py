"""Arrow columns as plain arrays.

B rows of a batch or fold, L entries of a dictionary. Numbers are float64 with NaN where there is none; times are
datetime64[us] with NaT; categories are a dictionary of texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.artifacts import Column
from assay.errors import DataError, examples

T = TypeVar("T")
Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Family = Literal["text", "number", "boolean", "time", "bytes", "list", "nothing", "other"]

FLOAT32_MAX = float(np.finfo(np.float32).max)
_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"(large_)?string(_view)?$", "text"),
    (r"u?int\d+$|double$|float$|halffloat$|decimal\d+\(|duration\[", "number"),
    (r"bool$", "boolean"),
    (r"timestamp\[|date\d+\[|time\d+\[", "time"),
    (r"(large_|fixed_size_)?binary", "bytes"),
    (r"(large_|fixed_size_)?list", "list"),
    (r"null$", "nothing"),
)


@cache
def family(arrow_type: str) -> Family:
    """What a type holds, whatever its width: an int64 column may come as double, a string as a dictionary."""
    return next((name for pattern, name in _FAMILIES if re.match(pattern, arrow_type)), "other")


class Raw:
    """Raw columns, each read once, when it is first asked for, and checked against its type in training."""

    def __init__(self, read: Callable[[str], Any], columns: Sequence[Column]) -> None:
        self._read = read
        self._columns = {column.name: column for column in columns}
        self._cache: dict[str, Any] = {}

    @classmethod
    def of_table(cls, table: pa.Table | pa.RecordBatch, columns: Sequence[Column]) -> Raw:
        """The columns of a table. Raises DataError when one of them is missing."""
        absent = [column.name for column in columns if table.schema.get_field_index(column.name) < 0]
        if absent:
            raise DataError(
                f"columns of the table: {examples(absent)} missing or there twice. "
                f"Allowed: a table with each of {', '.join(column.name for column in columns)} once."
            )
        return cls(table.column, columns)

    def array(self, name: str) -> pa.Array:
        """The column as one Arrow array. Raises DataError when its type is not that of training."""
        array, trained = one_array(self._read(name)), self._columns[name].arrow_type
        if not _fits(trained, value_type(array)):
            raise DataError(f"column {name!r} has the type {value_type(array)}. Allowed: {_described(trained)}.")
        return array

    def numbers(self, name: str) -> Floats:
        """The column as numbers. Infinities, and what float32 cannot hold, are NaN like missing values."""
        return self._once(name, lambda array: finite(to_numbers(array)))

    def times(self, name: str) -> Times:
        """The column as wall-clock times of the zone that it had in training."""
        return self._once(name, lambda array: to_times(array, self._columns[name].arrow_type))

    def levels(self, name: str) -> pa.DictionaryArray:
        """The column as a dictionary of texts."""
        return self._once(name, to_levels)

    def codes(self, name: str, code_of: Callable[[str | None], int]) -> NDArray[np.int64]:
        """The codes of a column of texts."""
        return coded(self.levels(name), code_of)

    def n_missing(self, name: str) -> int:
        """How many values of the column are missing or cannot be used."""
        kind = self._columns[name].kind
        if kind == "categorical":
            return int(self.levels(name).null_count)
        if kind in ("image", "text", "series"):
            return int(self.array(name).null_count)
        return int(np.isnan(self.numbers(name)).sum() if kind == "numeric" else np.isnat(self.times(name)).sum())

    def _once(self, name: str, convert: Callable[[pa.Array], T]) -> T:
        if name not in self._cache:
            array = self.array(name)
            try:
                self._cache[name] = convert(array)
            except pa.ArrowException:  # its message would show a value, which may be personal
                raise DataError(
                    f"column {name!r}: its {array.type} values cannot be read as {self._columns[name].kind}. "
                    "Allowed: dates and times that microseconds since 1970 can hold."
                ) from None
        found: T = self._cache[name]
        return found


def one_array(column: Any) -> pa.Array:
    """A column of a table or batch as one array.

    A few rows of a column with many levels come without their dictionary, which would cost more than they do.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    is_long = pa.types.is_dictionary(column.type) and len(column.dictionary) > len(column)
    return column.dictionary_decode() if is_long else column


def value_type(array: pa.Array) -> str:
    """The type of the values, seen through a dictionary."""
    return str(array.type.value_type if pa.types.is_dictionary(array.type) else array.type)


def finite(x_B: Floats) -> Floats:
    """`x_B` with NaN for everything that float32 cannot hold."""
    return np.where(np.abs(x_B) <= FLOAT32_MAX, x_B, np.nan)


def to_numbers(array: pa.Array) -> Floats:
    """Float64 values, infinities kept; texts that are no numbers are NaN."""
    if pa.types.is_dictionary(array.type):
        return np.append(to_numbers(array.dictionary), np.nan)[positions(array)]
    if family(str(array.type)) == "text":
        return np.array([_number(text) for text in array.to_pylist()], np.float64)
    if pa.types.is_duration(array.type):
        array = array.cast(pa.int64())
    numbers: Floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def to_times(array: pa.Array, trained_type: str) -> Times:
    """datetime64[us] values; texts that are no ISO 8601 time are NaT, those with an offset are turned to UTC."""
    if pa.types.is_dictionary(array.type):
        return np.append(to_times(array.dictionary, trained_type), np.datetime64("NaT", "us"))[positions(array)]
    if family(str(array.type)) == "text":
        return np.array([_time(text) for text in array.to_pylist()], "datetime64[us]")
    zone = _zone(trained_type)
    if zone and not pa.types.is_null(array.type):
        array = pc.local_timestamp(array.cast(pa.timestamp("us", zone)))
    times: Times = array.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    return times


def to_levels(array: pa.Array) -> pa.DictionaryArray:
    """A dictionary of texts. Numbers are written in their shortest form, so that 1 and 1.0 are the same level."""
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    if array.dictionary.type != pa.string():
        array = pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.string()))
    return array


def coded(column: pa.DictionaryArray, code_of: Callable[[str | None], int]) -> NDArray[np.int64]:
    """The codes of a column of texts. `code_of` is asked once for every entry of the dictionary, and for None."""
    codes_L = [code_of(level) for level in column.dictionary.to_pylist()]
    return np.array([*codes_L, code_of(None)])[positions(column)]


def positions(array: pa.DictionaryArray) -> NDArray[np.int64]:
    """Where each row's value stands in the dictionary; one past its end for missing values."""
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(len(array.dictionary))  # which may be too many for int8
    found: NDArray[np.int64] = indices.to_numpy(zero_copy_only=False)
    return found


@cache
def _fits(trained: str, given: str) -> bool:
    if family(given) in ("nothing", "other"):
        return family(given) == "nothing"
    if family(trained) == "nothing":
        return True  # nothing was learned from it
    if family(given) == "text" and (family(trained) == "boolean" or trained.startswith("time")):
        return not trained.startswith("timestamp")  # a snapshot holds booleans and times of day as text
    # A snapshot holds times with a zone as UTC, without one.
    return family(given) == family(trained) and (bool(_zone(trained)) or not _zone(given))


def _described(trained: str) -> str:
    zone = (" with a time zone" if _zone(trained) else " without a time zone") if family(trained) == "time" else ""
    return f"a {family(trained)}{zone}, as in training ({trained})"


def _zone(arrow_type: str) -> str:
    found = re.search(r"tz=([^\]]+)", arrow_type)
    return found.group(1) if found else ""


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else np.nan
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(str(text), np.nan)


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        return None
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time

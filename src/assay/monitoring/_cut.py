"""Files as windows of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assay.data.sources import _csv, _files, _parquet
from assay.errors import DataError, did_you_mean
from assay.monitoring import Every
from assay.preprocessing._read import one_array, to_times

NAMES: dict[Every, str] = {
    "hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "week": "week of %Y-%m-%d", "month": "%Y-%m",
    "quarter": "quarter from %Y-%m",
}  # fmt: skip
LAYOUT = _csv.Layout(None, "utf8", _csv.NULLS, None)


@dataclass(frozen=True, slots=True)
class Piece:
    """A window by its name and the digest of its rows, which are read when they are asked for."""

    name: str
    sha256: str
    read: Callable[[], pa.Table]


def table_of(piece: Piece) -> pa.Table:
    """See `assay.monitoring.table_of`."""
    return piece.read()


def cut(data: Sequence[str], root: Path, rows: int, time: str, every: Every) -> tuple[Piece, ...]:
    """See `assay.monitoring.cut`."""
    files = [(path, file) for path in data for file in _files.find(path, root)]
    if not rows and not time:
        return tuple(_of_file(path, file) for path, file in files)
    tables = [_read(file) for _, file in files]
    names = set.intersection(*(set(table.column_names) for table in tables))
    table = pa.concat_tables([each.select(sorted(names)) for each in tables], promote_options="permissive")
    found = _by_time(table.unify_dictionaries(), time, every) if time else _by_rows(table.unify_dictionaries(), rows)
    pieces = tuple(Piece(name, _digest(part), lambda part=part: part) for name, part in found)  # type: ignore[misc]
    if not pieces:
        raise DataError(f"{table.num_rows:,} rows are no window of {rows:,}. Allowed: more rows, or fewer in `--rows`.")
    return pieces


def _of_file(path: str, file: _files.File) -> Piece:
    shown = _files.shown(path)
    name = shown if file.name == Path(shown).name else f"{shown}: {file.name}"
    return Piece(name, file.digest(), lambda: _read(file))


def _read(file: _files.File) -> pa.Table:
    if _files.format_of([file], "auto") == "csv":
        return _csv.read([file], None, LAYOUT)
    return _parquet.read([file], None)


def _by_rows(table: pa.Table, rows: int) -> Iterator[tuple[str, pa.Table]]:
    for start in range(0, table.num_rows - rows + 1, rows):
        yield f"rows {start + 1:,} to {start + rows:,}", table.slice(start, rows)


def _by_time(table: pa.Table, column: str, every: Every) -> Iterator[tuple[str, pa.Table]]:
    """One window for each period that has rows, in the order of time. Rows without a time are in none."""
    if column not in table.column_names:
        raise DataError(
            f"--time: the data have no column {column!r}. Allowed: {', '.join(table.column_names[:50])}. "
            f"{did_you_mean(column, table.column_names)}".rstrip()
        )
    moments = pa.array(to_times(one_array(table[column]), "timestamp[us]"))
    if moments.null_count == len(moments):
        raise DataError(
            f"--time: {column!r} holds no times. Allowed: timestamps, dates, or texts like 2026-11-24T15:00."
        )
    began = pc.floor_temporal(moments, 1, every)
    for start in pc.unique(began.drop_null()).sort():
        yield start.as_py().strftime(NAMES[every]), table.filter(pc.equal(began, start))


def _digest(table: pa.Table) -> str:
    """Of the rows, whatever file they came from."""
    plain = pa.table({name: _decoded(table[name]) for name in table.column_names})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _decoded(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array

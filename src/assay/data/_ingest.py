"""Read a source once into a snapshot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Column, Kind, Snapshot, Source
from assay.data import _columns
from assay.errors import DataError
from assay.spec import plugins
from assay.spec.data import DataSpec
from assay.store import Store


def fingerprint(config: DataSpec, root: Path, table: Any) -> Source:
    """See `assay.data.fingerprint`."""
    if table is not None:
        return _fingerprint_of(_given(table))
    options = plugins.checked("source", config.source, config.options, "data")
    source: Source = plugins.load("source", config.source).fingerprint(options, root)
    return source


def ingest(source: Source, config: DataSpec, root: Path, store: Store, table: Any) -> Snapshot:
    """See `assay.data.ingest`."""
    data = read(config, root, table)
    snapshot = Snapshot(
        columns=columns_of(data),  # first, since it refuses what should not be stored
        table=store.put_table(data, "snapshot.arrow"),
        source=source,
        n_rows=data.num_rows,
    )
    del data
    pa.default_memory_pool().release_unused()  # later stages map the file; what was read goes back to the system
    return snapshot


def read(config: DataSpec, root: Path, table: Any = None) -> pa.Table:
    """All rows, in the types of a snapshot."""
    if table is not None:
        data = _given(table)
    else:
        options = plugins.checked("source", config.source, config.options, "data")
        data = plugins.load("source", config.source).read(options, root)
    return data if _columns.is_encoded(data) else _columns.encode(data.to_batches())


def columns_of(data: pa.Table) -> tuple[Column, ...]:
    """The columns of an encoded table. Raises DataError for numbers that are not finite."""
    return tuple(_column(field, data.column(field.name)) for field in data.schema)


def _given(table: Any) -> pa.Table:
    """A table from Python as Arrow. pandas is asked by name, so that its index is left out."""
    try:
        if type(table).__module__.split(".")[0] == "pandas":
            return pa.Table.from_pandas(table, preserve_index=False)
        return table if isinstance(table, pa.Table) else pa.table(table)
    except (pa.ArrowException, TypeError, ValueError) as problem:
        mixed = _mixed(table)
        what = mixed or " ".join(str(part) for part in problem.args)[:300].rstrip(".")
        raise DataError(
            f"The table from Python ({type(table).__name__}) cannot be read: {what}. "
            "Allowed: a pandas, polars or Arrow table with one type per column and each name once."
        ) from problem


def _mixed(table: Any) -> str:
    """Which column of a pandas table holds values that Arrow has no common type for, and of which types."""
    if not hasattr(table, "iloc"):
        return ""
    for position, name in enumerate(table.columns):
        values = table.iloc[:, position]
        try:
            pa.array(values)
        except (pa.ArrowException, TypeError, ValueError):
            types = sorted({type(value).__name__ for value in values if value is not None and value == value})
            return f"column {name!r} mixes values of the types {', '.join(types[:5])}"
    return ""


def _fingerprint_of(table: pa.Table) -> Source:
    digest = _Digest()
    with pa.PythonFile(digest, mode="w") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    text = f"a table from Python, {table.num_rows:,} rows x {table.num_columns} columns"
    return Source(description=text, sha256=digest.sha256.hexdigest(), n_bytes=digest.n_bytes)


class _Digest:
    """A file that only counts and digests what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.n_bytes = 0

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.n_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True


def _column(field: pa.Field, values: pa.ChunkedArray) -> Column:
    if pa.types.is_floating(field.type):
        _check_finite(field.name, values)
    return Column(
        name=field.name,
        kind=kind_of(field.type),
        arrow_type=field.metadata[_columns.TYPE].decode(),
        n_null=values.null_count,
    )


def kind_of(kind: pa.DataType) -> Kind:
    """What a type of a snapshot is to the model."""
    if pa.types.is_dictionary(kind):
        return "categorical"
    if _columns.is_bytes(kind):
        return "image"  # the only files of which models can make something
    if _columns.is_series(kind):
        return "series"
    return "datetime" if pa.types.is_timestamp(kind) else "numeric"


def _check_finite(name: str, values: pa.ChunkedArray) -> None:
    """Raise DataError when a number is infinite."""
    infinite = pc.is_inf(values)
    n_infinite = pc.sum(infinite).as_py() or 0
    if not n_infinite:
        return
    rows = pc.indices_nonzero(pc.fill_null(infinite, False))
    found = [f"{values[row.as_py()].as_py()} in row {row.as_py() + 1:,}" for row in rows[:5]]
    more = f" and {n_infinite - 5:,} more" if n_infinite > 5 else ""
    raise DataError(
        f"Column {name!r} holds {n_infinite:,} infinite value(s): {', '.join(found)}{more}. "
        "Allowed: finite numbers, or nothing at all where the value is not known."
    )

"""A glance at a source: its columns, and a few of their values, before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Column
from assay.data import Look, _columns, _ingest
from assay.spec import plugins
from assay.spec.data import DataSpec

CHEAP_BYTES = 16_000_000  # a column of Parquet, or a whole CSV file, that is read in about 0.2 s
HEAD_ROWS = 1000
MANY_VALUES = 100_000
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a source shows: its columns with the types that they are read with, the first rows, and whole columns."""

    schema: pa.Schema
    head: pa.Table
    whole: pa.Table
    exact: bool = True


def look(config: DataSpec, root: Path, asked: tuple[str, ...], query: bool) -> Look | None:
    """See `assay.data.look`."""
    options = plugins.checked("source", config.source, config.options, "data")
    source = plugins.load("source", config.source)
    glance = getattr(source, "look", None)
    if glance is None and not query:
        return None
    seen: Seen = glance(options, root, asked) if glance is not None else _whole(source.read(options, root))
    columns = tuple(_column(field) for field in seen.schema)
    values = {name: _values(seen.whole.column(name)) for name in asked if name in seen.whole.column_names}
    text = [column.name for column in columns if column.arrow_type == "string"]
    dates = tuple(name for name in text if is_written_date(seen.head.column(name)))
    return Look(columns=columns, values=values, exact=seen.exact, dates=dates)


def _whole(table: pa.Table) -> Seen:
    return Seen(schema=table.schema, head=table.slice(0, HEAD_ROWS), whole=table)


def _column(field: pa.Field) -> Column:
    """The column as a snapshot will have it."""
    kind = (field.metadata or {}).get(_columns.TYPE)
    return Column(
        name=field.name,
        kind=_ingest.kind_of(_columns.stored_as(field.name, field.type)),
        arrow_type=kind.decode() if kind else _columns.type_name(field.type),
        n_null=0,
    )


def _values(values: pa.ChunkedArray) -> tuple[str, ...]:
    different = values.unique().drop_null()
    if pa.types.is_dictionary(different.type):
        different = different.dictionary_decode()
    return tuple(sorted(different.slice(0, MANY_VALUES).cast(pa.string()).to_pylist()))


def is_written_date(values: pa.ChunkedArray) -> bool:
    """True for text of which every value is written as a date."""
    texts = values.unique().drop_null()
    texts = (texts.dictionary_decode() if pa.types.is_dictionary(texts.type) else texts).cast(pa.string())
    return len(texts) > 0 and bool(pc.all(pc.match_substring_regex(texts, _DATE)).as_py())

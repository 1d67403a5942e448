"""Parquet files, row group by row group; text is taken over as the file's own dictionary codes."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from assay.data import _columns
from assay.data._look import CHEAP_BYTES, HEAD_ROWS, Seen
from assay.data.sources._files import File, unreadable
from assay.data.sources._rows import check_same, wanted_columns, with_fold
from assay.errors import DataError

MOST_FOOTERS = 20  # files that a glance opens
_BATCH_ROWS = 1 << 17
_LONG_BATCH_ROWS = 1 << 12  # where cells are files or series
_BUFFER_BYTES = 1 << 20
_KEY = b"ARROW:extension:name"
# The key as it stands in the metadata: in base64, where it may begin at any of three places of a group of letters.
_EXTENSION_MARKERS = tuple(
    base64.b64encode(bytes(shift) + _KEY)[-(-8 * shift // 6) : 8 * (shift + len(_KEY)) // 6] for shift in range(3)
)


def read(files: Sequence[File], columns: Sequence[str] | None) -> pa.Table:
    """The rows of all files, which must have the same columns, encoded."""
    schemas = [_schema(file) for file in files]
    names = wanted_columns(schemas[0].names, columns, files[0].name)
    return _columns.encode(_batches(files, schemas, names))


def look(files: Sequence[File], columns: Sequence[str] | None, asked: Sequence[str]) -> Seen:
    """The columns of the first file, its first rows, and those of `asked` that are small in all files."""
    file = files[0]
    schema = _schema(file)
    names = wanted_columns(schema.names, columns, file.name)
    text = [name for name in names if _is_text(schema.field(name).type)]
    sizes = {name: 0 for name in asked if name in names}
    for each in files[:MOST_FOOTERS]:
        for name in sizes:
            sizes[name] += _n_bytes(each, name)
    small = [name for name, size in sizes.items() if size <= CHEAP_BYTES and len(files) <= MOST_FOOTERS]
    with file.system.open_input_file(file.path) as stream, pq.ParquetFile(stream) as parquet:
        head = next(parquet.iter_batches(HEAD_ROWS, columns=text, use_threads=False), None)
    shown = pa.schema([schema.field(name) for name in text])
    head_table = shown.empty_table() if head is None else pa.Table.from_batches([head])
    whole = read(files, small) if small else pa.schema([]).empty_table()
    return Seen(schema=pa.schema([schema.field(name) for name in names]), head=head_table, whole=whole)


def _n_bytes(file: File, column: str) -> int:
    """How many bytes a column takes in a file, unpacked."""
    with file.system.open_input_file(file.path) as stream:
        footer = pq.read_metadata(stream)
    parts = (
        footer.row_group(group).column(at) for group in range(footer.num_row_groups) for at in range(footer.num_columns)
    )
    return sum(part.total_uncompressed_size for part in parts if part.path_in_schema == column)


def _schema(file: File) -> pa.Schema:
    """The columns of a file. Extension types are refused before Arrow builds one: building one may run code."""
    try:
        with file.system.open_input_file(file.path) as stream:
            if any(marker in _footer(stream) for marker in _EXTENSION_MARKERS):
                raise DataError(f"{file.name} holds columns of an Arrow extension type. Allowed: plain types.")
            schema = pq.read_schema(stream)
    except (OSError, pa.ArrowException) as problem:
        raise _not_parquet(file, problem) from problem
    _columns.check_names(schema.names)
    return schema


def _footer(stream: pa.NativeFile) -> bytes:
    """The bytes of the file's metadata: they stand before their length and four closing letters."""
    size = stream.size()
    stream.seek(max(0, size - 8))
    closing = stream.read(8)
    n_bytes = int.from_bytes(closing[:4], "little")
    if closing[4:] != b"PAR1" or n_bytes > size - 12:
        raise pa.ArrowInvalid("it does not end as a Parquet file does.")
    stream.seek(size - 8 - n_bytes)
    footer: bytes = stream.read(n_bytes)
    return footer


def _batches(files: Sequence[File], schemas: Sequence[pa.Schema], names: list[str]) -> Iterator[pa.RecordBatch]:
    for file, schema in zip(files, schemas, strict=True):
        check_same(names, schema.names, file.name, files[0].name)
        text = [field.name for field in schema if _is_text(field.type)]
        is_long = any(_columns.is_bytes(field.type) or _columns.is_series(field.type) for field in schema)
        n_rows = _LONG_BATCH_ROWS if is_long else _BATCH_ROWS
        try:
            with (
                file.system.open_input_file(file.path) as stream,
                pq.ParquetFile(stream, read_dictionary=text, buffer_size=_BUFFER_BYTES, pre_buffer=False) as parquet,
            ):
                for batch in parquet.iter_batches(n_rows, columns=names, use_threads=False):
                    yield with_fold(batch.select(names), file.fold)
        except (OSError, pa.ArrowException) as problem:
            raise _not_parquet(file, problem) from problem


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string())


def _not_parquet(file: File, problem: Exception) -> DataError:
    whole = unreadable(file.name, problem)
    return DataError(f"{whole} Allowed: a whole Parquet file; this one may be cut short, or be of another format.")

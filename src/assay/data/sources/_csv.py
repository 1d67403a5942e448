"""CSV files, block by block.

Arrow infers the types of columns from the first block. Where a later block does not fit, the type is widened and the
reading starts again, so that types are those of all rows and only one block is ever held as text. Types of pre-split
files are those of the train files: what stands in a test file never changes what the train rows are.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pc

from assay.data import _columns
from assay.data._look import Seen
from assay.data.sources._files import File, unreadable
from assay.data.sources._rows import check_same, wanted_columns, with_fold
from assay.errors import DataError

NULLS = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", " ?", "#N/A", "<NA>")
_BLOCK_BYTES = 4 * _columns.MAX_CELL_BYTES  # a row must fit into a block
DELIMITERS = (";", "\t", "|", ",")
_LADDER = (pa.null(), pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us"), pa.string())


@dataclass(frozen=True)
class Layout:
    """How the text is laid out."""

    delimiter: str | None
    encoding: str
    null_values: tuple[str, ...]
    column_names: tuple[str, ...] | None


class _TooNarrow(Exception):
    """The type of a column, inferred from the rows before, does not fit a later one."""


def read(files: Sequence[File], columns: Sequence[str] | None, layout: Layout) -> pa.Table:
    """The rows of all files, which must have the same columns, encoded."""
    types: dict[str, pa.DataType] = {}
    while True:
        try:
            return _columns.encode(_batches(files, columns, layout, types))
        except _TooNarrow as found:
            column = str(found)
            types[column] = _wider(types[column])


def look(files: Sequence[File], columns: Sequence[str] | None, layout: Layout) -> Seen:
    """The columns of the first file with the types of its first block, and that block's rows."""
    head = pa.Table.from_batches([next(_batches(files[:1], columns, layout, {}))])
    return Seen(schema=head.schema, head=head, whole=pa.schema([]).empty_table(), exact=False)


def _batches(
    files: Sequence[File], columns: Sequence[str] | None, layout: Layout, types: dict[str, pa.DataType]
) -> Iterator[pa.RecordBatch]:
    """The batches of all files. The types of the first file are written into `types` and bind the others."""
    names: list[str] = []
    for file in files:
        there: list[str] = []
        try:
            with file.system.open_input_stream(file.path, compression="detect") as stream:
                reader = _open(stream, file, layout, types)
                there = reader.schema.names
                _check_delimiter(there, file, layout)
                _columns.check_names(there)
                names = names or wanted_columns(there, columns, file.name)
                check_same(names, there, file.name, files[0].name)
                for field in reader.schema:
                    types.setdefault(field.name, field.type)
                    if pa.types.is_time(field.type) or pa.types.is_binary(field.type):
                        raise _TooNarrow(field.name)  # times are text here; bytes are text that is not UTF-8
                for batch in reader:
                    yield with_fold(batch.select(names), file.fold)
        except (OSError, pa.ArrowException, UnicodeError) as problem:
            raise _explained(problem, file, layout, there, types) from problem


def _open(stream: pa.NativeFile, file: File, layout: Layout, types: dict[str, pa.DataType]) -> pc.CSVStreamingReader:
    tabs = ".tsv" in file.name.lower()
    return pc.open_csv(
        stream,
        # One thread, since only then does Arrow count rows in its messages; it is no slower (2.3 s for 670 MB).
        pc.ReadOptions(
            use_threads=False, block_size=_BLOCK_BYTES, encoding=layout.encoding, column_names=layout.column_names
        ),
        pc.ParseOptions(delimiter=layout.delimiter or ("\t" if tabs else ","), newlines_in_values=True),
        pc.ConvertOptions(column_types=types, null_values=list(layout.null_values), strings_can_be_null=True),
    )


def _check_delimiter(names: list[str], file: File, layout: Layout) -> None:
    """Raise DataError for a single column whose name holds what other people put between columns."""
    other = next((mark for mark in DELIMITERS if len(names) == 1 and mark in names[0]), None)
    if other is not None:
        written = "\\t" if other == "\t" else other
        raise DataError(
            f"{file.name} has one column, {names[0][:60]!r}. Allowed: several columns. "
            f'Write `delimiter: "{written}"` if that stands between them.'
        )


def _names(file: File, layout: Layout) -> list[str]:
    """The names of the columns, for a file whose first block does not fit the types that it should have."""
    with file.system.open_input_stream(file.path, compression="detect") as stream:
        names: list[str] = _open(stream, file, layout, {}).schema.names
        return names


def _wider(kind: pa.DataType) -> pa.DataType:
    return _LADDER[_LADDER.index(kind) + 1] if kind in _LADDER[:-1] else pa.string()


def _explained(
    problem: Exception, file: File, layout: Layout, there: list[str], types: dict[str, pa.DataType]
) -> Exception:
    """What Arrow says, as something for people; or the wish to read again with a wider type."""
    text = str(problem)
    utf8 = codecs.lookup(layout.encoding).name == "utf-8"
    if isinstance(problem, UnicodeError) or "invalid UTF8" in text:
        return _not_text(file, layout) if utf8 else unreadable(file.name, problem)
    row = re.search(r"Row #(\d+)", text)
    line = f"{file.name}, line {int(row[1]):,}" if row else file.name
    if column := re.match(r"In CSV column #(\d+)", text):
        name = (there or _names(file, layout))[int(column[1])]
        if file.fold in ("", "train") or pa.types.is_null(types[name]):
            return _TooNarrow(name)
        return DataError(
            f"{line}: column {name!r} holds a value that is not of type {types[name]}, which it has in the train "
            "file. Allowed: the types of the train file in all files."
        )
    if "Expected 1 columns" in text:
        _check_delimiter(_names(file, layout), file, layout)
    if ragged := re.search(r"Expected (\d+) columns, got (\d+)", text):
        return DataError(
            f"{line}: {ragged[2]} cells, and there are {ragged[1]} columns. Allowed: the same number in every row. "
            "Put cells that hold the delimiter into double quotes."
        )
    if "straddling" in text:
        return _too_long(file)
    if "Empty CSV" in text:
        return DataError(f"{file.name} holds no rows. Allowed: a line of column names and rows below it.")
    return unreadable(file.name, problem)


def _pieces(file: File) -> Iterator[bytes]:
    with file.system.open_input_stream(file.path, compression="detect") as stream:
        while piece := stream.read(1 << 20):
            yield piece


def _not_text(file: File, layout: Layout) -> DataError:
    """The error for bytes that are not UTF-8, with the place of the first one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, start = 1, 0
    for piece in _pieces(file):
        held, _ = decoder.getstate()
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as bad:
            line += (held + piece)[: bad.start].count(b"\n")
            return DataError(
                f"{file.name}, line {line:,}, byte {start - len(held) + bad.start:,} of the file: not UTF-8. "
                "Allowed: UTF-8. Write `encoding: latin-1` (or whichever it is), or save the file as UTF-8."
            )
        line, start = line + piece.count(b"\n"), start + len(piece)
    return DataError(f"{file.name} is not UTF-8; it ends within a character. Allowed: UTF-8.")


def _too_long(file: File) -> DataError:
    """The error for a row that does not fit into a block: a huge cell, or a quote that is never closed."""
    line, length = 1, 0
    for piece in _pieces(file):
        first, *others = piece.split(b"\n")
        length += len(first)
        for other in others:
            if length > _columns.MAX_CELL_BYTES:
                break
            line, length = line + 1, len(other)
        if length > _columns.MAX_CELL_BYTES:
            return DataError(
                f"{file.name}, line {line:,}: a cell of more than {_columns.MAX_CELL_BYTES:,} bytes. "
                f"Allowed: at most {_columns.MAX_CELL_BYTES:,} bytes a cell."
            )
    return DataError(
        f"{file.name}: a row of more than {_BLOCK_BYTES:,} bytes. Allowed: less; probably a quote is never closed."
    )

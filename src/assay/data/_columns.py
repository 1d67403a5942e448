"""Any Arrow columns to the few types that a snapshot holds, batch by batch.

A snapshot holds integers, floats (no NaN), `timestamp[us]`, dictionaries of strings with the smallest index type that
fits, bytes as `large_binary` (the files of images), and lists of float32 or lists of such lists (series). Batches are
encoded as they come, so the strings of one batch are all that is ever held decoded; at the end the dictionaries of a
column are unified in one pass and its batches joined, one column at a time.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from assay.errors import DataError

MAX_CELL_BYTES = 1_000_000
MAX_FILE_BYTES = 100_000_000  # of bytes in one cell
MAX_COLUMNS = 10_000
ENCODED = b"assay.encoded"
TYPE = b"assay.type"


def encode(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """All `batches` as one table of a single chunk. Each field's metadata names its type as it was read."""
    chunks: dict[str, list[pa.Array]] = {}
    types: dict[str, str] = {}
    n_rows = 0
    for batch in batches:
        if not chunks:
            check_names(batch.schema.names)
            chunks = {name: [] for name in batch.schema.names}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            chunks[name].append(_normal(name, array, n_rows))
            if not pa.types.is_null(array.type):
                types.setdefault(name, type_name(array.type))
        n_rows += batch.num_rows
    if not n_rows:
        raise DataError("The data have no rows. Allowed: at least one row below the column names.")
    arrays = {}
    for name in list(chunks):
        arrays[name] = _joined(name, chunks.pop(name))
        pa.default_memory_pool().release_unused()  # many small pieces were freed for one large: 25 % of the peak
    fields = [pa.field(name, array.type, metadata={TYPE: types.get(name, "null")}) for name, array in arrays.items()]
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields, metadata={ENCODED: b"1"}))


def is_encoded(table: pa.Table) -> bool:
    """True for what `encode` returned."""
    return ENCODED in (table.schema.metadata or {})


def check_names(names: list[str]) -> None:
    """Raise DataError for names that occur twice, empty names, and too many of them."""
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(f"Columns that are there twice: {', '.join(map(repr, twice[:5]))}. Allowed: each name once.")
    if "" in names:
        raise DataError(
            f"Column {names.index('') + 1} has no name. Allowed: a name for each column. "
            "pandas writes its index like this: use `index=False` there."
        )
    if len(names) > MAX_COLUMNS:
        raise DataError(f"The data have {len(names):,} columns. Allowed: at most {MAX_COLUMNS:,}.")


def stored_as(name: str, kind: pa.DataType) -> pa.DataType:
    """The type that a column read as `kind` has in a snapshot. Raises DataError for types that it cannot hold."""
    return _normal(name, pa.nulls(0, kind), 0).type


def _normal(name: str, array: pa.Array, first_row: int) -> pa.Array:
    """One batch of a column in a type of the snapshot. Batches of nulls alone stay as they are."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        raise _refused(name, kind)
    if pa.types.is_null(kind) or pa.types.is_integer(kind):
        return array
    if pa.types.is_decimal(kind):
        return array.cast(pa.float64())
    if pa.types.is_floating(kind):
        array = array.cast(pa.float32()) if pa.types.is_float16(kind) else array
        return pc.if_else(pc.is_nan(array), None, array) if pc.any(pc.is_nan(array)).as_py() else array
    if pa.types.is_date(kind):
        return array.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(kind):  # Arrow holds a time with a zone as UTC, so dropping the zone leaves UTC
        return array.cast(pa.timestamp("us", tz=kind.tz), safe=False).cast(pa.timestamp("us"))
    if is_bytes(kind):
        return _files(name, array, first_row)
    if is_series(kind):
        series = pa.list_(pa.float32())
        return array.cast(pa.list_(series) if is_series(kind.value_type) else series)
    if pa.types.is_dictionary(kind) and _is_cell(kind.value_type):
        codes, values = array.indices, array.dictionary.cast(pa.string())
    elif _is_cell(kind):
        encoded = array.cast(pa.string()).dictionary_encode()
        codes, values = encoded.indices, encoded.dictionary
    else:
        raise _refused(name, kind)
    _check_cells(name, codes, values, first_row)
    return pa.DictionaryArray.from_arrays(codes.cast(_index_type(len(values))), values)


def _joined(name: str, chunks: list[pa.Array]) -> pa.Array:
    """The batches of one column as one array of one type."""
    kinds = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    if kinds and all(pa.types.is_dictionary(kind) for kind in kinds):
        return _unified(name, chunks)
    if len(kinds) < 2:
        kind = next(iter(kinds), pa.float64())
    elif all(pa.types.is_integer(kind) for kind in kinds):
        kind = pa.int64()
    elif all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        kind = pa.float64()
    else:
        found = ", ".join(sorted({type_name(kind) for kind in kinds}))
        raise DataError(f"Column {name!r} mixes types: {found}. Allowed: one type in all rows.")
    return pa.concat_arrays([chunk.cast(kind) for chunk in chunks])


def _unified(name: str, chunks: list[pa.Array]) -> pa.DictionaryArray:
    """Dictionary arrays as one: each distinct value once, codes in the smallest type that fits."""
    nothing = pa.dictionary(pa.int8(), pa.string())
    chunks = [pa.nulls(len(chunk), nothing) if pa.types.is_null(chunk.type) else chunk for chunk in chunks]
    try:
        unique = pa.concat_arrays([chunk.dictionary for chunk in chunks]).dictionary_encode()
    except pa.ArrowInvalid as problem:  # offsets of `string` are int32
        raise DataError(f"Column {name!r} holds more than 2 GB of distinct text. Allowed: less.") from problem
    new_codes = unique.indices.cast(_index_type(len(unique.dictionary)))
    parts, start = [], 0
    for chunk in chunks:
        parts.append(new_codes.slice(start, len(chunk.dictionary)).take(chunk.indices))
        start += len(chunk.dictionary)
    return pa.DictionaryArray.from_arrays(pa.concat_arrays(parts), unique.dictionary)


def _index_type(n_values: int) -> pa.DataType:
    return pa.int8() if n_values < 2**7 else pa.int16() if n_values < 2**15 else pa.int32()


def _check_cells(name: str, codes: pa.Array, values: pa.Array, first_row: int) -> None:
    """Raise DataError, naming the first row, when a value is longer than MAX_CELL_BYTES."""
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest <= MAX_CELL_BYTES:
        return
    code = pc.index(pc.binary_length(values), longest).as_py()
    row = first_row + pc.index(codes, pa.scalar(code, codes.type)).as_py() + 1
    raise DataError(
        f"Column {name!r}, row {row:,}: a cell of {longest:,} bytes. Allowed: at most {MAX_CELL_BYTES:,} bytes. "
        "Leave the column out, or look for a quote that is never closed."
    )


def _files(name: str, array: pa.Array, first_row: int) -> pa.Array:
    """Bytes as they are. Raises DataError, naming the first row, when a cell is longer than MAX_FILE_BYTES."""
    n_bytes = pc.binary_length(array)
    longest = pc.max(n_bytes).as_py() or 0
    if longest > MAX_FILE_BYTES:
        row = first_row + pc.index(n_bytes, pa.scalar(longest, n_bytes.type)).as_py() + 1
        raise DataError(
            f"Column {name!r}, row {row:,}: {longest:,} bytes. Allowed: at most {MAX_FILE_BYTES:,} bytes in a cell."
        )
    return array.cast(pa.large_binary())


def is_bytes(kind: pa.DataType) -> bool:
    """True for bytes."""
    types = pa.types
    accepted = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(accepts(kind) for accepts in accepted)


def is_series(kind: pa.DataType) -> bool:
    """True for lists of numbers, and for lists of such lists."""
    types = pa.types
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    inner = kind.value_type
    number = types.is_integer(inner) or types.is_floating(inner)
    return number or (is_series(inner) and not is_series(inner.value_type))


def _is_cell(kind: pa.DataType) -> bool:
    """True for types whose values are short to write: text, and what becomes text."""
    types = pa.types
    accepted = (types.is_string, types.is_large_string, types.is_string_view, types.is_boolean, types.is_time)
    return any(accepts(kind) for accepts in (*accepted, types.is_integer, types.is_null))


def type_name(kind: pa.DataType) -> str:
    """A type for people, seen through dictionaries; text is `string`, however it is laid out."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    return "string" if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else str(kind)


def _refused(name: str, kind: pa.DataType) -> DataError:
    return DataError(
        f"Column {name!r} has the type {str(kind)[:80]}. Allowed: numbers, booleans, text, dates, times, bytes, "
        "lists of numbers and lists of such lists. "
        "Leave it out with `columns`, or write it as one of these."
    )

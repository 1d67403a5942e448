"""One uint64 per row from what the row holds, so that a row is recognised wherever it stands.

The hash is a sum over columns of mixed value hashes, so neither the order of rows, columns nor dictionaries matters.
Numbers are hashed as float64, dates as microseconds: the same value read as another width keeps its hash. Files and
series are hashed by their bytes. Mixing is the finaliser of SplitMix64 (Steele, Lea & Flood, 2014). Two different rows
collide once in 2^64; nobody who wants a collision is kept from making one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

_PIECE_ROWS = 1 << 18  # bounds what is held beside the result
_NULL = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(table: pa.Table, columns: Sequence[str]) -> Hashes:
    """uint64 [n_rows]: the content of each row in `columns`."""
    hashes = np.zeros(table.num_rows, np.uint64)
    for name in columns:
        salt = np.uint64(_digest(name))
        values = table.column(name).combine_chunks()
        levels = _of_text(values.dictionary) if pa.types.is_dictionary(values.type) else None
        for start in range(0, len(values), _PIECE_ROWS):
            piece = values.slice(start, _PIECE_ROWS)
            hashes[start : start + len(piece)] += _mixed(_of_values(piece, levels) ^ salt)
    return _mixed(hashes)


def _of_values(values: pa.Array, levels: Hashes | None) -> Hashes:
    """uint64 per value, before mixing."""
    present = pc.is_valid(values).to_numpy(zero_copy_only=False)
    if _is_long(values.type):
        bits = np.fromiter((_digest_bytes(data) for data in _bytes_of(values)), np.uint64, len(values))
        return np.where(present, bits, _NULL)
    if levels is not None:
        codes = pc.fill_null(values.indices, 0).to_numpy()
        return np.where(present, levels[codes] if len(levels) else _NULL, _NULL)
    if pa.types.is_timestamp(values.type):
        bits = values.cast(pa.int64()).fill_null(0).to_numpy().view(np.uint64)
    else:
        bits = (values.fill_null(0).to_numpy().astype(np.float64) + 0.0).view(np.uint64)  # + 0.0: -0.0 is 0.0
    return np.where(present, bits, _NULL)


def _is_long(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_binary(kind) or pa.types.is_list(kind))


def _bytes_of(values: pa.Array) -> Iterator[bytes]:
    """The bytes of each value: of a file as they are, of a series its lengths and its float32 numbers."""
    for place in range(len(values)):
        if pa.types.is_large_binary(values.type):
            yield values[place].as_py() or b""
            continue
        row = values.slice(place, 1).flatten()
        lengths = b""
        if pa.types.is_list(row.type):
            lengths, row = pc.list_value_length(row).fill_null(-1).to_numpy().tobytes(), row.flatten()
        yield lengths + row.fill_null(np.nan).to_numpy().tobytes()


def _of_text(values: pa.Array) -> Hashes:
    return np.fromiter((_digest(value) for value in values.to_pylist()), np.uint64, len(values))


def _digest(text: str) -> int:
    return _digest_bytes(text.encode())


def _digest_bytes(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _mixed(x: Hashes) -> Hashes:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def n_distinct(values: pa.Array) -> int:
    """How many different values a column has, missing ones not counted."""
    if not _is_long(values.type):
        return len(values.unique().drop_null())
    return len(np.unique(_of_values(values.drop_null(), None)))

"""What CSV and Parquet have in common: which columns are wanted, and the fold of a pre-split file."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from assay.artifacts import FOLD_COLUMN
from assay.errors import DataError, did_you_mean


def wanted_columns(there: list[str], asked: Sequence[str] | None, file: str) -> list[str]:
    """The columns to read, in the order of the file. Raises DataError when one that was asked for is not there."""
    for name in asked or ():
        if name not in there:
            raise DataError(
                f"`columns`: {file} has no column {name!r}. Allowed: {', '.join(there[:50])}. "
                f"{did_you_mean(name, there)}".rstrip()
            )
    return [name for name in there if asked is None or name in asked]


def check_same(names: Sequence[str], there: Sequence[str], file: str, first: str) -> None:
    """Raise DataError when a further file lacks a column of the first."""
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(
            f"{file} has no column {missing[0]!r}, which {first} has. Allowed: files with the same columns."
        )


def with_fold(batch: pa.RecordBatch, fold: str) -> pa.RecordBatch:
    """`batch` with the column that says which fold its file was given for, when it was given for one."""
    if not fold:
        return batch
    codes = pa.repeat(pa.scalar(0, pa.int8()), batch.num_rows)
    return batch.append_column(FOLD_COLUMN, pa.DictionaryArray.from_arrays(codes, pa.array([fold])))

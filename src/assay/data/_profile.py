"""The columns in a few words each, fold by fold, for a reviewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Column, ColumnProfile, Fold, Folds, Profile, Snapshot
from assay.data import _columns
from assay.data._hash import n_distinct
from assay.store import Store

_N_LEVELS = 5
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def profile(snapshot: Snapshot, folds: Folds, personal: Sequence[str], store: Store) -> Profile:
    """See `assay.data.profile`."""
    columns = tuple(_column(column, snapshot, folds, column.name in personal, store) for column in snapshot.columns)
    return Profile(columns=columns, n_rows=snapshot.n_rows)


def _column(column: Column, snapshot: Snapshot, folds: Folds, personal: bool, store: Store) -> ColumnProfile:
    values = store.table(snapshot.table, [column.name]).column(0).combine_chunks()
    there: dict[str, Fold | None] = {
        "train": folds.train, "valid": folds.valid, "test": folds.test, "audit": folds.audit
    }  # fmt: skip
    return ColumnProfile(
        name=column.name,
        kind=column.kind,
        n_null=column.n_null,
        n_unique=n_distinct(values),
        summary=tuple(
            (name, _summary(values.take(pa.array(store.array(fold.rows))), personal))
            for name, fold in there.items()
            if fold is not None
        ),
    )


def _summary(values: pa.Array, personal: bool) -> str:
    missing = f"{values.null_count:,} missing of {len(values):,}"
    present = values.drop_null()
    if personal:
        return f"{missing}; personal, values not shown"
    if not len(present):
        return missing
    if pa.types.is_dictionary(present.type):
        return f"{_levels(present)}; {missing}"
    if _columns.is_bytes(present.type):
        return f"{_spread(pc.binary_length(present))} bytes; {missing}"
    if _columns.is_series(present.type):
        return f"{_lists(present)}; {missing}"
    if pa.types.is_timestamp(present.type):
        first, last = pc.min_max(present).as_py().values()
        return f"{first.isoformat(' ')} to {last.isoformat(' ')}; {missing}"
    numbers = present.to_numpy().astype(np.float64)
    low, *quartiles, high = (f"{q:.6g}" for q in np.quantile(numbers, _QUANTILES))
    return (
        f"mean {numbers.mean():.6g}, sd {numbers.std():.6g}, min {low}, quartiles {' / '.join(quartiles)}, "
        f"max {high}; {missing}"
    )


def _lists(present: pa.Array) -> str:
    """`7 to 29 numbers`, or `12 lists of 7 to 29 numbers`."""
    outer = _spread(pc.list_value_length(present))
    if not pa.types.is_list(present.type.value_type):
        return f"{outer} numbers"
    return f"{outer} lists of {_spread(pc.list_value_length(present.flatten()))} numbers"


def _spread(lengths: pa.Array) -> str:
    low, high = pc.min_max(lengths).as_py().values()
    return f"{low:,}" if low == high else f"{low or 0:,} to {high or 0:,}"


def _levels(present: pa.DictionaryArray) -> str:
    """The most frequent levels with their shares; ties by name, so that row order does not matter."""
    counts = np.bincount(present.indices.to_numpy(), minlength=len(present.dictionary))
    names = present.dictionary.to_pylist()
    order = sorted(np.flatnonzero(counts), key=lambda code: (-counts[code], names[code]))
    shown = ", ".join(f"{names[code][:40]} {counts[code] / len(present):.1%}" for code in order[:_N_LEVELS])
    more = len(order) - _N_LEVELS
    return f"{shown} and {more:,} more" if more > 0 else shown

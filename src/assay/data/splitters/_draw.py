"""How rows are drawn: at random from a pool, in equal shares of every class, by nothing but seed and class labels."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Task, sha256_of
from assay.errors import DataError, did_you_mean
from assay.spec.data import TargetSpec

UNUSED, TRAIN, VALID, TEST, AUDIT = -1, 0, 1, 2, 3
FOLDS = ("train", "valid", "test", "audit")

Rows = npt.NDArray[np.int64]
Strata = npt.NDArray[np.int16]
Folds = npt.NDArray[np.int8]
C = TypeVar("C")


def strata(table: pa.Table, target: TargetSpec, task: Task) -> Strata:
    """One code per row: the rank of its class among all classes, -1 without one. In regression all rows are alike."""
    y = table.column(target.column).combine_chunks()
    present = pc.is_valid(y).to_numpy(zero_copy_only=False)
    if task == "regression":
        return np.where(present, 0, -1).astype(np.int16)
    encoded = y if pa.types.is_dictionary(y.type) else y.dictionary_encode()
    # Ranks, not codes: the order of a dictionary is that of first appearance, so it depends on other rows.
    rank = np.argsort(pc.sort_indices(encoded.dictionary).to_numpy()).astype(np.int16)
    codes = pc.fill_null(encoded.indices, 0).to_numpy()
    return np.where(present, rank[codes], np.int16(-1))


def draw(pool: Rows, strata_of_pool: Strata, frac: float, seed: int, what: str) -> Rows:
    """About `frac` of the rows in `pool`, from every stratum alike: each gives its share, rounded up or down.

    The pool is ordered by stratum and, within one, at random; every 1/frac-th row is taken. Which rows depends on the
    order of the pool, the strata and (seed, what), and on no row outside the pool.
    """
    generator = np.random.default_rng(int(sha256_of(str(seed), what)[:16], 16))
    order = np.lexsort((generator.random(len(pool)), strata_of_pool))
    steps = np.floor(np.arange(len(pool) + 1) * frac + generator.random())
    return np.sort(pool[order[np.diff(steps) > 0]])


def complete(
    folds: Folds, table: pa.Table, target: TargetSpec, task: Task, seed: int, valid_frac: float, audit_frac: float
) -> Folds:
    """Folds given by the data, with valid rows drawn from train and audit rows from test where a share is asked for."""
    codes = strata(table, target, task)
    for fold, source, frac in ((VALID, TRAIN, valid_frac), (AUDIT, TEST, audit_frac)):
        if frac:
            pool = np.flatnonzero((folds == source) & (codes >= 0))
            folds[draw(pool, codes[pool], frac, seed, FOLDS[fold])] = fold
    return folds


def leaves_train_rows(config: C, total: float) -> C:
    """`config`, when the shares of the other folds leave rows to train on. Raises ValueError."""
    if total >= 1:
        raise ValueError("`valid_frac`, `test_frac` and `audit_frac` leave no train rows: their sum must be below 1")
    return config


def column_of(table: pa.Table, name: str) -> pa.Array:
    """The column `split.column`. Raises DataError when there is none, or when it says nothing for some rows."""
    if name not in table.column_names:
        raise DataError(
            f"split: there is no column {name!r}. Allowed: {', '.join(table.column_names[:50])}. "
            f"{did_you_mean(name, table.column_names)}".rstrip()
        )
    values = table.column(name).combine_chunks()
    if values.null_count:
        raise DataError(
            f"split: column {name!r} has no value in {values.null_count:,} of {len(values):,} rows. "
            "Allowed: a value in every row."
        )
    return values


def as_text(values: pa.Array) -> tuple[npt.NDArray[np.integer[Any]], list[str]]:
    """Codes [n_rows] and the text that each code stands for. `values` has no nulls."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.cast(pa.string()).to_pylist()

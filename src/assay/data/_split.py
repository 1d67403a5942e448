"""Folds of a snapshot, written down as row ids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from assay.artifacts import FOLD_COLUMN, AuditFold, Folds, Snapshot, Task, TestFold, TrainFold, ValidFold
from assay.data import _target
from assay.data._hash import Hashes, row_hashes
from assay.data.splitters import _draw
from assay.errors import DataError
from assay.spec import plugins
from assay.spec.data import SplitSpec, TargetSpec
from assay.store import Store

MIN_FOLD_ROWS = 2
F = TypeVar("F", TrainFold, ValidFold, TestFold, AuditFold)


def split(snapshot: Snapshot, config: SplitSpec, target: TargetSpec, task: Task, seed: int, store: Store) -> Folds:
    """See `assay.data.split`."""
    table = store.table(snapshot.table)
    _target.check(table, snapshot, target, task)
    options = plugins.checked("splitter", config.by, config.options, "split")
    folds: _draw.Folds = plugins.load("splitter", config.by).assign(options, table, target, task, seed)
    folds[_draw.strata(table, target, task) < 0] = _draw.UNUSED
    rows = [np.flatnonzero(folds == fold) for fold in range(len(_draw.FOLDS))]
    _check_sizes(rows, config)
    _target.check_folds(table, folds, target, task)
    hashes = row_hashes(table, _content(table.column_names, config))

    def fold(cls: type[F], number: int) -> F:
        blob = store.put_array(rows[number], f"rows-{_draw.FOLDS[number]}.npy")
        return cls(table=snapshot.table, rows=blob, n_rows=len(rows[number]))

    return Folds(
        train=fold(TrainFold, _draw.TRAIN),
        valid=fold(ValidFold, _draw.VALID),
        test=fold(TestFold, _draw.TEST),
        audit=fold(AuditFold, _draw.AUDIT) if len(rows[_draw.AUDIT]) else None,
        row_hashes=store.put_array(hashes, "row-hashes.npy"),
        how=_how(config.by, options, seed),
        n_dropped=snapshot.column(target.column).n_null,
        duplicates=tuple(_duplicates(rows, hashes)),
    )


def widen(folds: Folds, keep_frac: float, seed: int, store: Store) -> Folds:
    """See `assay.data.widen`."""
    train, valid = (np.asarray(store.array(fold.rows)) for fold in (folds.train, folds.valid))
    n_kept = min(max(MIN_FOLD_ROWS, round(keep_frac * len(valid))), len(valid))
    kept = np.sort(np.random.default_rng(seed).permutation(valid)[:n_kept])
    whole = np.union1d(train, np.setdiff1d(valid, kept))
    others = [np.asarray(store.array(fold.rows)) if fold else kept[:0] for fold in (folds.test, folds.audit)]
    rows = dict(zip((_draw.TRAIN, _draw.VALID, _draw.TEST, _draw.AUDIT), (whole, kept, *others), strict=True))
    in_order = [rows[number] for number in range(len(_draw.FOLDS))]
    return replace(
        folds,
        train=replace(folds.train, rows=store.put_array(whole, "rows-train.npy"), n_rows=len(whole)),
        valid=replace(folds.valid, rows=store.put_array(kept, "rows-valid.npy"), n_rows=len(kept)),
        how=f"{folds.how}; then train and valid together, but for {keep_frac:g} of valid",
        duplicates=tuple(_duplicates(in_order, store.array(folds.row_hashes))),
    )


def _check_sizes(rows: list[_draw.Rows], config: SplitSpec) -> None:
    sizes = {name: len(ids) for name, ids in zip(_draw.FOLDS, rows, strict=True)}
    small = [f"{name} {sizes[name]}" for name in ("train", "valid", "test") if sizes[name] < MIN_FOLD_ROWS]
    if small or 0 < sizes["audit"] < MIN_FOLD_ROWS:
        raise DataError(
            f"split by {config.by}: too few rows with a target in a fold ({', '.join(small) or 'audit 1'}). Found: "
            f"{', '.join(f'{name} {n:,}' for name, n in sizes.items())}. Allowed: at least {MIN_FOLD_ROWS} in each. "
            "Give more rows, larger shares, or other values."
        )


def _content(names: list[str], config: SplitSpec) -> list[str]:
    """The columns by which a row is recognised: all that do not say which fold it goes to."""
    dealt_by = config.options.get("column") if config.by != "time" else None
    return [name for name in names if name not in (FOLD_COLUMN, dealt_by)]


def _how(by: str, options: BaseModel, seed: int) -> str:
    said = {name: value for name, value in options.model_dump().items() if value not in ((), None)}
    return f"by {by}: " + ", ".join([*(f"{name} {value}" for name, value in said.items()), f"seed {seed}"])


def _duplicates(rows: list[_draw.Rows], hashes: Hashes) -> Iterator[tuple[str, int]]:
    """For each pair of folds, how many rows of the second have the content of a row of the first."""
    for first, second in itertools.combinations(range(len(rows)), 2):
        if len(rows[first]) and len(rows[second]):
            n_twice = int(np.isin(hashes[rows[second]], hashes[rows[first]]).sum())
            yield f"{_draw.FOLDS[first]}/{_draw.FOLDS[second]}", n_twice

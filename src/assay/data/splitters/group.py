"""Whole groups go into one fold: rows of one person, device or site never stand on two sides."""

from __future__ import annotations

from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from assay.artifacts import Task, sha256_of
from assay.data.splitters import _draw
from assay.errors import DataError
from assay.spec.data import TargetSpec
from assay.spec.words import Words


class Config(Words):
    """Shares of all rows; a fold takes whole groups until it has its share. The rest is train."""

    column: str
    valid_frac: float = Field(default=0.15, gt=0, lt=1)
    test_frac: float = Field(default=0.2, gt=0, lt=1)
    audit_frac: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _leaves_train_rows(self) -> Self:
        return _draw.leaves_train_rows(self, self.valid_frac + self.test_frac + self.audit_frac)


def assign(config: Config, table: pa.Table, target: TargetSpec, task: Task, seed: int) -> _draw.Folds:
    """Groups are ordered by a digest of their name and the seed, and dealt out: test, audit, valid, train."""
    values = _draw.column_of(table, config.column)
    codes, names = _draw.as_text(values)
    wanted = [(_draw.TEST, config.test_frac), (_draw.AUDIT, config.audit_frac), (_draw.VALID, config.valid_frac)]
    wanted = [(fold, frac) for fold, frac in wanted if frac]
    if len(names) <= len(wanted):
        raise DataError(
            f"split: column {config.column!r} holds {len(names)} group(s). Allowed: at least {len(wanted) + 1}, "
            "one for each fold."
        )
    order = sorted(range(len(names)), key=lambda code: sha256_of(str(seed), names[code]))
    n_rows_of = np.bincount(codes, minlength=len(names))
    fold_of = np.zeros(len(names), np.int8)
    for n_before, (fold, frac) in enumerate(wanted):
        n_needed = len(wanted) - n_before  # groups that the folds after this one, and train, need
        n_rows = 0
        while len(order) > n_needed and (not n_rows or n_rows + n_rows_of[order[-1]] / 2 <= frac * len(codes)):
            group = order.pop()
            fold_of[group] = fold
            n_rows += n_rows_of[group]
    folds: _draw.Folds = fold_of[codes]
    return folds

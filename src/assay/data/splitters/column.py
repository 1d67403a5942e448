"""Folds that a column of the data names: an official split."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import Field

from assay.artifacts import Task
from assay.data.splitters import _draw
from assay.errors import DataError, examples
from assay.spec.data import TargetSpec
from assay.spec.words import Words

Values = str | tuple[str, ...]


class Config(Words):
    """The values that name each fold.

    Without `valid`, `valid_frac` of the train rows are drawn, stratified; `audit_frac` is a share of the test rows.
    """

    column: str
    train: Values = "train"
    valid: Values = ()
    test: Values = "test"
    audit: Values = ()
    unused: Values = Field(default=(), description="values of rows that are left out")
    valid_frac: float = Field(default=0.15, gt=0, lt=1)
    audit_frac: float = Field(default=0.0, ge=0, lt=1)


def assign(config: Config, table: pa.Table, target: TargetSpec, task: Task, seed: int) -> _draw.Folds:
    """Each row's fold, as its value says."""
    values = _draw.column_of(table, config.column)
    codes, there = _draw.as_text(values)
    fold_of = {
        value: fold
        for fold, named in (
            (_draw.UNUSED, config.unused),
            (_draw.TRAIN, config.train),
            (_draw.VALID, config.valid),
            (_draw.TEST, config.test),
            (_draw.AUDIT, config.audit),
        )
        for value in ((named,) if isinstance(named, str) else named)
    }
    unknown = sorted(set(there) - set(fold_of))
    if unknown:
        raise DataError(
            f"split: column {config.column!r} holds values that name no fold: {examples(unknown)}. "
            f"Allowed by the spec: {', '.join(map(repr, fold_of))}. "
            "Name them in `train`, `valid`, `test`, `audit` or `unused`."
        )
    folds = np.array([fold_of[value] for value in there], np.int8)[codes]
    valid_frac = 0.0 if config.valid else config.valid_frac
    return _draw.complete(folds, table, target, task, seed, valid_frac, config.audit_frac)

"""Folds that were given as files of their own: `path: {train: .., test: ..}`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import Field

from assay.artifacts import FOLD_COLUMN, Task
from assay.data.splitters import _draw
from assay.errors import DataError
from assay.spec.data import TargetSpec
from assay.spec.words import Words


class Config(Words):
    """Without a valid file `valid_frac` of the train rows are drawn, stratified; `audit_frac` is a share of test."""

    valid_frac: float = Field(default=0.15, gt=0, lt=1)
    audit_frac: float = Field(default=0.0, ge=0, lt=1)


def assign(config: Config, table: pa.Table, target: TargetSpec, task: Task, seed: int) -> _draw.Folds:
    """Each row's fold: that of the file it was read from."""
    if FOLD_COLUMN not in table.column_names:
        raise DataError(
            "split: `by: files` needs files that are split already. Write `data.path` as a mapping: "
            "{train: train.csv, test: test.csv}, or choose another split."
        )
    codes, there = _draw.as_text(_draw.column_of(table, FOLD_COLUMN))
    folds = np.array([_draw.FOLDS.index(name) for name in there], np.int8)[codes]
    valid_frac = 0.0 if "valid" in there else config.valid_frac
    return _draw.complete(folds, table, target, task, seed, valid_frac, config.audit_frac)

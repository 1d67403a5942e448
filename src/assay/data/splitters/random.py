"""Folds drawn at random; in classification every fold has each class in the same share."""

from __future__ import annotations

from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from assay.artifacts import Task
from assay.data.splitters import _draw
from assay.spec.data import TargetSpec
from assay.spec.words import Words


class Config(Words):
    """Shares of all rows. The rest is train. `stratify: false` looks at nothing but the number of rows."""

    valid_frac: float = Field(default=0.15, gt=0, lt=1)
    test_frac: float = Field(default=0.2, gt=0, lt=1)
    audit_frac: float = Field(default=0.0, ge=0, lt=1)
    stratify: bool = True

    @model_validator(mode="after")
    def _leaves_train_rows(self) -> Self:
        return _draw.leaves_train_rows(self, self.valid_frac + self.test_frac + self.audit_frac)


def assign(config: Config, table: pa.Table, target: TargetSpec, task: Task, seed: int) -> _draw.Folds:
    """Test rows are drawn first, then audit rows, then valid rows, each from what is left.

    A draw in equal shares has to look at the class labels, test rows' too: with `stratify`, editing the label of a
    test row may move a row between folds. Editing anything else never does.
    """
    folds = np.zeros(table.num_rows, np.int8)
    strata = _draw.strata(table, target, task)
    folds[strata < 0] = _draw.UNUSED
    if not config.stratify:
        strata = np.zeros_like(strata)
    left = 1.0
    shares = {_draw.TEST: config.test_frac, _draw.AUDIT: config.audit_frac, _draw.VALID: config.valid_frac}
    for fold, frac in shares.items():
        pool = np.flatnonzero(folds == _draw.TRAIN)
        folds[_draw.draw(pool, strata[pool], frac / left, seed, _draw.FOLDS[fold])] = fold
        left -= frac
    return folds

"""Folds in the order of time: the past to train on, the most recent rows to test on."""

from __future__ import annotations

from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from assay.artifacts import Task
from assay.data.splitters import _draw
from assay.errors import DataError
from assay.spec.data import TargetSpec
from assay.spec.words import Words


class Config(Words):
    """Shares of all rows, in the order train, valid, test, audit. Rows of the same time stay in one fold."""

    column: str
    valid_frac: float = Field(default=0.15, gt=0, lt=1)
    test_frac: float = Field(default=0.2, gt=0, lt=1)
    audit_frac: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _leaves_train_rows(self) -> Self:
        return _draw.leaves_train_rows(self, self.valid_frac + self.test_frac + self.audit_frac)


def assign(config: Config, table: pa.Table, target: TargetSpec, task: Task, seed: int) -> _draw.Folds:
    """Each row's fold. A border that falls among rows of the same time moves to before the first of them."""
    values = _draw.column_of(table, config.column)
    if pa.types.is_dictionary(values.type):
        raise DataError(
            f"split: column {config.column!r} is text. Allowed: numbers, dates or timestamps; write dates as "
            "2024-01-31 or 2024-01-31T08:00:00."
        )
    times = values.to_numpy()
    known = np.sort(times[_draw.strata(table, target, task) >= 0])
    starts = [1 - config.valid_frac - config.test_frac - config.audit_frac, 1 - config.test_frac - config.audit_frac]
    starts += [1 - config.audit_frac] if config.audit_frac else []
    borders = known[[round(start * (len(known) - 1)) for start in starts]]
    folds: _draw.Folds = np.searchsorted(borders, times, side="right").astype(np.int8)
    return folds

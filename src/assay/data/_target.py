"""Whether the target can be learnt from, told before anything is trained."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Snapshot, Task
from assay.data.splitters import _draw
from assay.errors import DataError, did_you_mean
from assay.spec.data import TargetSpec

MAX_CLASSES = 1000


def check(table: pa.Table, snapshot: Snapshot, target: TargetSpec, task: Task) -> None:
    """Raise DataError when the target column is missing, empty, or of no use for the task."""
    names = [column.name for column in snapshot.columns]
    if target.column not in names:
        raise DataError(
            f"target: there is no column {target.column!r}. Allowed: {', '.join(names[:50])}. "
            f"{did_you_mean(target.column, names)}".rstrip()
        )
    where = f"target: column {target.column!r}"
    column = snapshot.column(target.column)
    if column.n_null == snapshot.n_rows:
        raise DataError(f"{where} is null in every row. Allowed: a column with values.")
    values = table.column(target.column)
    if task == "regression":
        if column.kind != "numeric":
            raise DataError(
                f"{where} is {column.kind} ({column.arrow_type}), and the task is regression. Allowed: numbers. "
                "Write `task: classification` to predict which of several values it has."
            )
        low, high = pc.min_max(values).as_py().values()
        if low == high:
            raise DataError(f"{where} is {low} in every row. Allowed: at least two different values.")
        return
    if column.kind == "datetime":
        raise DataError(f"{where} is a time, and the task is classification. Allowed: text, booleans or numbers.")
    n_classes = len(pc.unique(values.drop_null()))
    if n_classes < 2:
        only = pc.drop_null(values)[0].as_py()
        raise DataError(f"{where} has one class, {only!r}, in every row. Allowed: at least two classes.")
    if n_classes > MAX_CLASSES:
        raise DataError(
            f"{where} has {n_classes:,} different values. Allowed: at most {MAX_CLASSES:,} classes. "
            "Write `task: regression` to predict a number."
        )


def check_folds(table: pa.Table, folds: _draw.Folds, target: TargetSpec, task: Task) -> None:
    """Raise DataError when a class stands in another fold and not in train, or train has a single class."""
    if task == "regression":
        return
    codes = _draw.strata(table, target, task)
    in_train = np.unique(codes[folds == _draw.TRAIN])
    elsewhere = np.unique(codes[folds > _draw.TRAIN])
    missing = np.setdiff1d(elsewhere, in_train)
    if len(missing):
        names = sorted(
            {table.column(target.column)[int(np.argmax(codes == code))].as_py() for code in missing[:5]}, key=str
        )
        raise DataError(
            f"target: {len(missing)} class(es) of column {target.column!r} stand in no train row: "
            f"{', '.join(map(repr, names))}. Allowed: every class in train. Add rows, or leave rare classes out."
        )
    if len(in_train) < 2:
        raise DataError(f"target: column {target.column!r} has one class in the train rows. Allowed: at least two.")

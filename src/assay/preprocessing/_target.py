"""The target: classes sorted by value, or a standardised number. B rows, N training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.artifacts import TargetInfo, Task
from assay.errors import DataError, did_you_mean, examples
from assay.preprocessing import _categorical
from assay.preprocessing._read import Floats, coded, family, finite, one_array, to_levels, to_numbers, value_type
from assay.spec.data import TargetSpec

MAX_NUMERIC_CLASSES = 1000

Target = NDArray[np.int64] | NDArray[np.float32]


def fit(column: Any, spec: TargetSpec, task: Task) -> TargetInfo:
    """What the training rows say about the target. Raises DataError when it cannot be learned."""
    array = one_array(column)
    return _fit_classes(array, spec) if task == "classification" else _fit_number(array, spec)


def apply(column: Any, info: TargetInfo) -> Target:
    """Class indices, or standardised numbers. Raises DataError for what cannot be one."""
    array = one_array(column)
    if info.task == "regression":
        standardised_B = (_numbers(array, info.column, info.log) - info.mean) / info.std
        return standardised_B.astype(np.float32)
    levels = _levels(array, info.column)
    known: dict[str | None, int] = {name: index for index, name in enumerate(info.classes)}
    classes_B = coded(levels, lambda level: known.get(level, _categorical.UNSEEN))
    unseen_B = classes_B == _categorical.UNSEEN
    if unseen_B.any():
        new = levels.filter(pa.array(unseen_B)).dictionary_decode().unique().to_pylist()
        raise DataError(
            f"target {info.column!r}: no training row has the class {examples(sorted(new))}. "
            f"Allowed: {examples(info.classes, 20)}. Drop these rows, or split so that training has them."
        )
    return classes_B


def to_units(y_B: NDArray[Any], info: TargetInfo) -> Floats:
    """Standardised numbers in the units of the target."""
    units_B = np.asarray(y_B, np.float64) * info.std + info.mean
    return np.expm1(units_B) if info.log else units_B


def _fit_classes(array: pa.Array, spec: TargetSpec) -> TargetInfo:
    levels, counts = _categorical.count(_levels(array, spec.column))
    n_by_class = dict(sorted(zip(levels.to_pylist(), counts.tolist(), strict=True)))
    classes = tuple(n_by_class)
    if len(classes) < 2:
        raise DataError(
            f"target {spec.column!r} has one class in the training rows, {classes[0]!r}. Allowed: two or more."
        )
    if len(classes) > MAX_NUMERIC_CLASSES and family(value_type(array)) == "number":
        raise DataError(
            f"target {spec.column!r} has {len(classes)} different numbers as classes. "
            f"Allowed: {MAX_NUMERIC_CLASSES}. Write `task: regression` to predict a number."
        )
    return TargetInfo(
        column=spec.column,
        task="classification",
        classes=classes,
        positive=_positive(n_by_class, spec),
        class_counts=tuple(n_by_class.values()),
    )


def _positive(n_by_class: dict[str, int], spec: TargetSpec) -> int | None:
    classes = tuple(n_by_class)
    if spec.positive is None:
        if len(classes) > 2:
            return None
        return 1 if n_by_class[classes[1]] <= n_by_class[classes[0]] else 0  # the rarer is what one looks for
    if spec.positive not in n_by_class:
        raise DataError(
            f"target.positive: {spec.positive!r} is no class of {spec.column!r} in the training rows. "
            f"Allowed: {examples(classes, 20)}. {did_you_mean(spec.positive, classes)}".rstrip()
        )
    if len(classes) > 2:
        raise DataError(
            f"target.positive: {spec.column!r} has {len(classes)} classes. "
            "Allowed: a positive class in binary tasks only. Leave `positive` out."
        )
    return classes.index(spec.positive)


def _fit_number(array: pa.Array, spec: TargetSpec) -> TargetInfo:
    y_N = np.sort(_numbers(array, spec.column, spec.log))  # sorted, so that sums do not hang on the order of rows
    mean, std = float(y_N.mean()), float(y_N.std())
    if y_N[0] == y_N[-1]:
        raise DataError(f"target {spec.column!r} has the same value in all training rows. Allowed: at least two.")
    return TargetInfo(column=spec.column, task="regression", mean=mean, std=std, log=spec.log)


def _levels(array: pa.Array, column: str) -> pa.DictionaryArray:
    if family(value_type(array)) in ("other", "nothing", "bytes", "list"):
        raise DataError(f"target {column!r} has the type {array.type}. Allowed: texts, numbers, booleans, dates.")
    levels = to_levels(array)
    _refuse(levels.null_count, column, "are missing", "a class in every row")
    return levels


def _numbers(array: pa.Array, column: str, log: bool) -> Floats:
    if family(value_type(array)) not in ("number", "boolean"):
        raise DataError(
            f"target {column!r} has the type {array.type}. Allowed in regression: numbers. "
            "Write `task: classification` to predict a category."
        )
    y_B = finite(to_numbers(array))
    _refuse(int(np.isnan(y_B).sum()), column, "are missing or infinite", "a number in every row")
    if log:
        _refuse(int((y_B <= -1).sum()), column, "are -1 or less", "greater than -1 where `target.log` is true")
        y_B = np.log1p(y_B)
    return y_B


def _refuse(n_bad: int, column: str, what: str, allowed: str) -> None:
    if n_bad:
        raise DataError(f"target {column!r}: {n_bad} values {what}. Allowed: {allowed}.")

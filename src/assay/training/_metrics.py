"""Metrics of the valid fold after each epoch: one row of a table each. Cheap, and free of scikit-learn's import.

B rows, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.artifacts import TargetInfo, Task

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: `function(prediction, y, positive)`.

    In classification `prediction` are log probabilities [B, O] and `y` class indices [B]; in regression both are [B],
    in the units of the target. `positive` is the positive class of a binary task.
    """

    name: str
    function: Callable[[Floats, Any, int], float]
    greater_is_better: bool
    task: Task
    binary: bool = False


def accuracy(log_p_BO: Floats, y_B: Ints, positive: int) -> float:
    """The share of rows whose most probable class is theirs. 0: none."""
    return float((log_p_BO.argmax(axis=1) == y_B).mean())


def balanced_accuracy(log_p_BO: Floats, y_B: Ints, positive: int) -> float:
    """The mean over classes of the share of their rows that are found. 0: none of any class."""
    n_O = np.bincount(y_B, minlength=log_p_BO.shape[1])
    n_right_O = np.bincount(y_B[log_p_BO.argmax(axis=1) == y_B], minlength=log_p_BO.shape[1])
    return float((n_right_O[n_O > 0] / n_O[n_O > 0]).mean())


def log_loss(log_p_BO: Floats, y_B: Ints, positive: int) -> float:
    """Minus the mean log probability of the true class, in nats. 0: certain and right on every row."""
    return float(-log_p_BO[np.arange(len(y_B)), y_B].mean())


def auc(log_p_BO: Floats, y_B: Ints, positive: int) -> float:
    """The area under the ROC curve from mid-ranks (Hanley & McNeil 1982). 0: every pair of rows in the wrong order."""
    _, inverse_B, counts = np.unique(log_p_BO[:, positive], return_inverse=True, return_counts=True)
    midrank_B = (counts.cumsum() - (counts - 1) / 2)[inverse_B]
    is_positive_B = y_B == positive
    n_positive = int(is_positive_B.sum())
    n_pairs = n_positive * (len(y_B) - n_positive)
    return float((midrank_B[is_positive_B].sum() - n_positive * (n_positive + 1) / 2) / n_pairs) if n_pairs else np.nan


def rmse(y_hat_B: Floats, y_B: Floats, positive: int) -> float:
    """The root of the mean squared error, in the units of the target. 0: no error."""
    return float(np.sqrt(np.square(y_hat_B - y_B).mean()))


def mae(y_hat_B: Floats, y_B: Floats, positive: int) -> float:
    """The mean absolute error, in the units of the target. 0: no error."""
    return float(np.abs(y_hat_B - y_B).mean())


def r2(y_hat_B: Floats, y_B: Floats, positive: int) -> float:
    """The share of the variance explained. 0: no better than the mean."""
    spread = np.square(y_B - y_B.mean()).sum()
    return float(1 - np.square(y_hat_B - y_B).sum() / spread) if spread else np.nan


TABLE = (
    Metric("accuracy", accuracy, True, "classification"),
    Metric("balanced_accuracy", balanced_accuracy, True, "classification"),
    Metric("log_loss", log_loss, False, "classification"),
    Metric("auc", auc, True, "classification", binary=True),
    Metric("rmse", rmse, False, "regression"),
    Metric("mae", mae, False, "regression"),
    Metric("r2", r2, True, "regression"),
)


def of(task: Task, binary: bool) -> tuple[Metric, ...]:
    """The metrics that such a task has."""
    return tuple(metric for metric in TABLE if metric.task == task and (binary or not metric.binary))


def names(task: Task, binary: bool) -> tuple[str, ...]:
    """What early stopping can look at: `loss` and the metrics."""
    return ("loss", *(metric.name for metric in of(task, binary)))


def greater_is_better(name: str) -> bool:
    """True for metrics that rise as a model gets better. `loss` does not."""
    return any(metric.name == name and metric.greater_is_better for metric in TABLE)


def compute(target: TargetInfo, prediction: Floats, y_B: Any) -> tuple[tuple[str, float], ...]:
    """All metrics of this target."""
    positive = 1 if target.positive is None else target.positive
    wanted = of(target.task, binary=target.n_outputs == 2)
    return tuple((metric.name, metric.function(prediction, y_B, positive)) for metric in wanted)

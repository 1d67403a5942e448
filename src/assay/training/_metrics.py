"""Which metrics of the valid fold are computed after an epoch: those of the evaluation, by the same names.

Computed each time are a few cheap ones, the one that early stopping looks at, and those that the spec asks for. `loss`
is the loss of the training.
"""

from __future__ import annotations

from assay import evaluation
from assay.artifacts import Task
from assay.spec.training import TrainingSpec

USUAL: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
OF_TWO_CLASSES = ("roc_auc",)


def names(task: Task, binary: bool) -> tuple[str, ...]:
    """What early stopping can look at: `loss` and every metric of such a task."""
    return ("loss", *evaluation.metric_ranges(task, 2 if binary else 3))


def watched(task: Task, binary: bool, training: TrainingSpec) -> tuple[str, ...]:
    """The metrics that are computed after each epoch."""
    usual = USUAL[task] + (OF_TWO_CLASSES if task == "classification" and binary else ())
    stopping = training.early_stopping
    asked = () if stopping is None or stopping.metric == "loss" else (stopping.metric,)
    return tuple(dict.fromkeys((*usual, *asked, *training.metrics)))


def greater_is_better(name: str) -> bool:
    """True for metrics that rise as a model gets better. `loss` does not."""
    return name != "loss" and evaluation.greater_is_better(name)

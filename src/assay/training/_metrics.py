"""Which metrics of the valid fold are computed after an epoch: those of the evaluation, by the same names.

Computed each time are a few cheap ones and the one that early stopping looks at. `loss` is the loss of the training.
"""

from __future__ import annotations

from assay import evaluation
from assay.artifacts import TargetInfo, Task
from assay.spec.training import EarlyStoppingSpec

USUAL: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}
OF_TWO_CLASSES = ("roc_auc",)


def names(task: Task, binary: bool) -> tuple[str, ...]:
    """What early stopping can look at: `loss` and every metric of such a task."""
    return ("loss", *evaluation.metric_ranges(task, 2 if binary else 3))


def watched(target: TargetInfo, stopping: EarlyStoppingSpec | None) -> tuple[str, ...]:
    """The metrics that are computed after each epoch."""
    usual = USUAL[target.task] + (OF_TWO_CLASSES if target.n_outputs == 2 else ())
    asked = () if stopping is None or stopping.metric == "loss" else (stopping.metric,)
    return tuple(dict.fromkeys((*usual, *asked)))


def greater_is_better(name: str) -> bool:
    """True for metrics that rise as a model gets better. `loss` does not."""
    return name != "loss" and evaluation.greater_is_better(name)

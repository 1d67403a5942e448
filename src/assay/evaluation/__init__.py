"""How good a model is, from its predictions alone.

Why this shape: nothing here sees a model, so whoever holds the predictions can compute every number again. A metric is
one row of a table (`_metrics.METRICS`): a function of *weighted* rows, which gives the estimate with weights of one and
its whole bootstrap distribution with a matrix of weights, so each metric is written once and resampled in one pass.
Intervals are closed forms where there is a good one (Wilson, DeLong) and bootstrap otherwise. Rows are put in the order
of their content and the seed is the digest of that content, so no number depends on the order of the rows. Threshold
and temperature come from the valid fold; the test fold is only measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.artifacts import (
    Calibration,
    Comparison,
    Epoch,
    Evaluation,
    Interval,
    LeakReport,
    MetricValue,
    Predictions,
    Preprocessing,
    TargetInfo,
    Task,
    TrainingArrays,
)
from assay.spec.evidence import EvaluationSpec

if TYPE_CHECKING:
    import numpy as np

    from assay.store import Store

__all__ = [
    "calibrate",
    "compare",
    "evaluate",
    "gain",
    "greater_is_better",
    "measure",
    "metric_ranges",
    "metrics",
    "probe",
]


def calibrate(valid: Predictions, config: EvaluationSpec, *, store: Store) -> Calibration:
    """Temperature and, in binary tasks, decision threshold, chosen on uncalibrated predictions of the valid fold."""
    from assay.evaluation._calibrate import calibrate

    return calibrate(valid, config, store)


def evaluate(
    test: Predictions, valid: Predictions, epochs: tuple[Epoch, ...], config: EvaluationSpec, *, store: Store
) -> Evaluation:
    """Metrics with intervals on both folds; confusion, curves and a diagnosis of the fit, which cite the test fold."""
    from assay.evaluation._evaluate import evaluate

    return evaluate(test, valid, epochs, config, store)


def metrics(predictions: Predictions, config: EvaluationSpec, *, store: Store) -> tuple[MetricValue, ...]:
    """Every metric that such rows have, with its interval. Raises DataError when there are no rows."""
    from assay.evaluation._evaluate import measured

    return measured(predictions, config, store)[1]


def temperature_limit(used: Calibration) -> str:
    """A sentence where temperature scaling stopped at its limit, which then says little; empty where it did not."""
    from assay.evaluation._calibrate import HOTTEST

    if 1.001 / HOTTEST < used.temperature < HOTTEST / 1.001:
        return ""
    why = (
        "the scores say next to nothing about the classes"
        if used.temperature > 1
        else "no error of the model bounds it"
    )
    return f"temperature scaling stopped at its limit, {used.temperature:.3g}: on the valid rows {why}"


def compare(
    candidate: Predictions,
    champion: Predictions,
    champion_version: int,
    excluded: int,
    metrics: tuple[str, ...],
    config: EvaluationSpec,
    *,
    store: Store,
) -> tuple[Comparison, ...]:
    """Candidate minus champion by paired bootstrap on the rows that both predict; positive is better.

    `excluded` counts rows left out beforehand. A metric that such rows do not have is left out, and a gate that wants
    it answers ERROR. Raises DataError when the two models predict different things.
    """
    from assay.evaluation._compare import compare

    return compare(candidate, champion, champion_version, excluded, metrics, config, store)


def gain(first: MetricValue, second: MetricValue) -> Interval:
    """Second over first from their intervals alone, as of independent rows; positive is better (Zou & Donner 2008)."""
    from assay.evaluation._compare import gain

    return gain(first, second)


def probe(
    arrays: TrainingArrays, prepared: Preprocessing, duplicates: tuple[tuple[str, int], ...], seed: int, *, store: Store
) -> LeakReport:
    """Look for leakage: rows in two folds, one feature that predicts too well, and the shuffled-label canary."""
    from assay.evaluation._probe import probe

    return probe(arrays, prepared, duplicates, seed, store)


def measure(
    target: TargetInfo, names: tuple[str, ...], prediction: np.ndarray[Any, Any], y: np.ndarray[Any, Any]
) -> tuple[tuple[str, float], ...]:
    """Metrics by name, without intervals, as training wants them after an epoch; NaN where these rows have none.

    `prediction` is float [n_rows, n_classes], probabilities, and `y` int [n_rows], class indices; in regression both
    are float [n_rows] in the units of the target.
    """
    from assay.evaluation._metrics import measure

    return measure(target, names, prediction, y)


def metric_ranges(task: Task, n_classes: int, config: EvaluationSpec | None = None) -> dict[str, tuple[float, float]]:
    """All metrics of such a task by name, and between what each can lie: for gates, early stopping and messages."""
    from assay.evaluation._metrics import metrics_of

    quantiles = config.quantiles if config else ()
    return {name: metric.range for name, metric in metrics_of(task, n_classes, quantiles).items()}


def greater_is_better(name: str) -> bool:
    """True for metrics that rise as a model gets better."""
    from assay.evaluation._metrics import METRICS

    return any(metric.name == name and metric.greater_is_better for metric in METRICS)

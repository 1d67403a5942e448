"""The evaluation of one model, put together."""

from __future__ import annotations

import numpy as np

from assay.artifacts import Diagnosis, Epoch, Evaluation, MetricValue, Predictions
from assay.errors import DataError
from assay.evaluation import _diagnoses
from assay.evaluation._curves import curves
from assay.evaluation._intervals import estimates
from assay.evaluation._metrics import metrics_of
from assay.evaluation._reliability import ece, sums_per_bin
from assay.evaluation._scored import Scored, by_content, read
from assay.spec.evidence import EvaluationSpec
from assay.store import Store


def evaluate(
    test: Predictions, valid: Predictions, epochs: tuple[Epoch, ...], config: EvaluationSpec, store: Store
) -> Evaluation:
    """Metrics of both folds; confusion, curves and diagnoses."""
    on_test, test_metrics = measured(test, config, store)
    _, valid_metrics = measured(valid, config, store)
    return Evaluation(
        metrics=(*test_metrics, *valid_metrics),
        confusion=_confusion(on_test),
        classes=test.target.classes,
        curves=curves(on_test, test.target, epochs),
        diagnoses=_diagnose(on_test, test, test_metrics, valid_metrics, epochs),
        n_rows=test.n_rows,
    )


def measured(predictions: Predictions, config: EvaluationSpec, store: Store) -> tuple[Scored, tuple[MetricValue, ...]]:
    """The rows in the order of their content, and their metrics."""
    if predictions.n_rows == 0:
        raise DataError(
            f"The {predictions.fold} fold has no rows, so nothing can be measured. Allowed: at least one row."
        )
    (scored,), seed = by_content(read(predictions, store)[0])
    metrics = metrics_of(predictions.target.task, scored.n_classes, config.quantiles)
    values = estimates(
        tuple(metrics.values()),
        scored,
        seed,
        fold=predictions.fold,
        level=config.level,
        n_bootstrap=config.n_bootstrap,
    )
    return scored, values


def _confusion(scored: Scored) -> tuple[tuple[int, ...], ...]:
    k = scored.n_classes
    if k == 0:
        return ()
    counts = np.bincount(scored.y_N.astype(np.int64) * k + scored.y_hat_N, minlength=k * k).reshape(k, k)
    return tuple(tuple(int(n) for n in row) for row in counts)


def _diagnose(
    on_test: Scored,
    test: Predictions,
    test_metrics: tuple[MetricValue, ...],
    valid_metrics: tuple[MetricValue, ...],
    epochs: tuple[Epoch, ...],
) -> tuple[Diagnosis, ...]:
    by_test, by_valid = ({metric.name: metric for metric in metrics} for metrics in (test_metrics, valid_metrics))
    diagnoses = [
        _diagnoses.fit(epochs, by_valid, test.target),
        _diagnoses.generalisation(by_test, by_valid, test.target),
    ]
    if test.target.task == "classification":
        diagnoses.append(_diagnoses.calibration(ece(*sums_per_bin(on_test)), test.calibration))
    return tuple(diagnoses)

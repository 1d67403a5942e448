"""Temperature and threshold from the valid fold. Shapes: N rows, K classes, C cuts of the rows in falling order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assay.artifacts import Calibration, Predictions
from assay.evaluation._scored import Array, read
from assay.spec.evidence import EvaluationSpec
from assay.store import Store

HOTTEST = 20.0
SMALLEST_P = float(np.finfo(np.float32).tiny)


def calibrate(valid: Predictions, config: EvaluationSpec, store: Store) -> Calibration:
    """The calibration that `config` asks for; the identity in regression."""
    if valid.target.task == "regression":
        return Calibration()
    scored, _ = read(valid, store)
    assert scored.p_NK is not None
    z_NK = np.log(np.maximum(scored.p_NK.astype(float), SMALLEST_P))
    t = temperature(z_NK, scored.y_N) if config.calibrate == "temperature" else 1.0
    if scored.positive is None:
        return Calibration(temperature=t)
    if not isinstance(config.threshold, str):
        return Calibration(temperature=t, threshold=float(config.threshold), threshold_metric="fixed")
    p_N = _softmax(z_NK / t)[:, scored.positive]
    chosen = threshold(p_N, scored.y_N == scored.positive, config.threshold)
    return Calibration(temperature=t, threshold=chosen, threshold_metric=config.threshold)


def temperature(z_NK: Array, y_N: Array) -> float:
    """The T that minimises the log loss of softmax(z / T) (Guo et al. 2017). 1: nothing to correct.

    The loss is convex in 1/T: Newton's steps, none longer than a doubling. T stays within 1/20 and 20, which a fold
    without a single error would leave.
    """
    cold = 1.0
    rows = np.arange(len(y_N))
    for _ in range(100):
        q_NK = _softmax(z_NK * cold)
        mean_N = (q_NK * z_NK).sum(axis=1)
        slope = float((mean_N - z_NK[rows, y_N]).mean())
        curvature = float(((q_NK * z_NK**2).sum(axis=1) - mean_N**2).mean())
        if curvature <= 1e-12:
            break
        moved = float(np.clip(cold - slope / curvature, max(cold / 2, 1 / HOTTEST), min(cold * 2, HOTTEST)))
        if abs(moved - cold) < 1e-9 * cold:
            break
        cold = moved
    return 1 / cold


def threshold(p_N: Array, positive_N: Array, metric: str) -> float:
    """The probability from which a row is called positive, so that `metric` is best on these rows.

    Near its optimum a metric is flat and its highest point is mostly luck. A right call on a positive row is worth
    `gain`, a wrong one on another row costs `cost`; with true probabilities the best threshold is then cost / (gain +
    cost): 1/2 for accuracy, the share of positives for balanced accuracy, half the best F1 for F1. That one is kept
    unless the highest point beats it by more than two standard errors.
    """
    order_N = np.argsort(-p_N, kind="stable")
    falling_N = p_N[order_N]
    hits_C = np.r_[0, np.cumsum(positive_N[order_N])]
    cuts_C = np.r_[True, falling_N[1:] != falling_N[:-1], True]  # never between equal scores
    n, n_positive = len(p_N), int(positive_N.sum())
    called_C = np.arange(n + 1)
    value_C, worth = _objective(metric, hits_C, called_C, n, n_positive)
    best = int(np.argmax(np.where(cuts_C, value_C, -np.inf)))
    gain, cost = worth(float(value_C[best]), best)
    ideal = cost / (gain + cost)
    at_ideal = int((p_N >= ideal).sum())
    hits = abs(int(hits_C[best] - hits_C[at_ideal]))
    error = np.sqrt(hits * gain**2 + (abs(best - at_ideal) - hits) * cost**2)
    if value_C[best] - value_C[at_ideal] <= 2 * error:
        return float(ideal)
    above = falling_N[best - 1] if best > 0 else 1.0
    below = falling_N[best] if best < n else 0.0
    return float((above + below) / 2)


def _objective(
    metric: str, hits_C: Array, called_C: Array, n: int, n_positive: int
) -> tuple[Array, Callable[[float, int], tuple[float, float]]]:
    """The metric at every cut, and what a positive row and another row are worth at one of them."""
    n_other = n - n_positive
    if metric == "accuracy" or n_positive == 0 or n_other == 0:  # of one class, nothing but accuracy is defined
        return (n_other + 2 * hits_C - called_C) / n, lambda *_: (1 / n, 1 / n)
    if metric == "f1":
        f1_C = 2 * hits_C / (n_positive + called_C)
        return f1_C, lambda f1, called: ((2 - f1) / (n_positive + called), f1 / (n_positive + called))
    balanced_C = (hits_C / n_positive + 1 - (called_C - hits_C) / n_other) / 2
    return balanced_C, lambda *_: (0.5 / n_positive, 0.5 / n_other)


def _softmax(z_NK: Array) -> Array:
    e_NK = np.exp(z_NK - z_NK.max(axis=1, keepdims=True))
    softmax_NK: Array = e_NK / e_NK.sum(axis=1, keepdims=True)
    return softmax_NK

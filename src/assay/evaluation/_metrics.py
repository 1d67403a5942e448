"""The table of metrics. To add one, add a row, and an oracle to its test.

Each function takes weighted rows and returns one value per row of weights. Shapes: N rows, K classes, R weightings,
P rows of a class, B bins. A rate with an empty denominator is 0, as in scikit-learn with `zero_division=0`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np

from assay.artifacts import TargetInfo, Task
from assay.evaluation._reliability import bin_of, confidence_and_hit
from assay.evaluation._scored import Array, Scored

Needs = Literal["classes", "binary", "ranks", "numbers", "nonzero numbers"]


class Weighted:
    """Rows and R weightings of them, with the sums that several metrics share."""

    def __init__(self, scored: Scored, w_RN: Array) -> None:
        self.scored, self.w_RN = scored, w_RN

    def sum(self, x_N: Array) -> Array:
        """The weighted sum of `x_N`. Not `@`: on a busy machine the threads of BLAS cost more than they give here."""
        return np.asarray(np.einsum("rn,n->r", self.w_RN, x_N.astype(self.w_RN.dtype)))

    def mean(self, x_N: Array) -> Array:
        """The weighted mean of `x_N`."""
        return self.sum(x_N) / self.total_R

    @cached_property
    def total_R(self) -> Array:
        """The sum of the weights."""
        return np.asarray(self.w_RN.sum(axis=1))

    @cached_property
    def true_RK(self) -> Array:
        """The weight of each class."""
        return self._per_class(self.scored.y_N)

    @cached_property
    def predicted_RK(self) -> Array:
        """The weight of the rows predicted as each class."""
        return self._per_class(self.scored.y_hat_N)

    @cached_property
    def hits_RK(self) -> Array:
        """The weight of the rows of each class that are predicted as it."""
        return self._per_class(np.where(self.scored.y_N == self.scored.y_hat_N, self.scored.y_N, -1))

    def ranked(self, k: int) -> Array:
        """The weights in the order of falling scores for class `k`."""
        order_N = self.scored.rankings[k].order_N
        return self.w_RN if order_N is None else np.asarray(self.w_RN[:, order_N])

    def _per_class(self, class_N: Array) -> Array:
        return np.stack([self.sum(class_N == k) for k in range(self.scored.n_classes)], axis=1)


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    `zero` says what 0 means, `range` between what a value can lie. `trials` counts what a rate is a share of, where its
    interval is Wilson's.
    """

    name: str
    value: Callable[[Weighted], Array]
    greater_is_better: bool
    needs: Needs
    zero: str
    interval: Literal["bootstrap", "wilson", "delong", "binomial"] = "bootstrap"
    trials: Callable[[Weighted], Array] | None = None
    range: tuple[float, float] = (0.0, 1.0)

    def applies(self, scored: Scored) -> bool:
        """True when these rows have what the metric needs."""
        if self.needs == "binary":
            return scored.positive is not None
        if self.needs == "ranks":
            return scored.p_NK is not None and len(scored.ranked_classes) > 0
        if self.needs == "nonzero numbers":
            return scored.p_NK is None and bool(np.all(scored.y_N != 0))
        return (scored.p_NK is None) == (self.needs == "numbers")


def _share(part_R: Array, whole_R: Array) -> Array:
    return np.asarray(np.divide(part_R, whole_R, out=np.zeros_like(part_R, dtype=float), where=whole_R > 0))


def _accuracy(s: Weighted) -> Array:
    return _share(s.hits_RK.sum(axis=1), s.total_R)


def _balanced_accuracy(s: Weighted) -> Array:
    return _share(_share(s.hits_RK, s.true_RK).sum(axis=1), (s.true_RK > 0).sum(axis=1))


def _precision_RK(s: Weighted) -> Array:
    return _share(s.hits_RK, s.predicted_RK)


def _recall_RK(s: Weighted) -> Array:
    return _share(s.hits_RK, s.true_RK)


def _f1_RK(s: Weighted) -> Array:
    return _share(2 * s.hits_RK, s.true_RK + s.predicted_RK)


def _of_positive(per_class: Callable[[Weighted], Array], s: Weighted) -> Array:
    return np.asarray(per_class(s)[:, s.scored.positive])


def _macro(per_class: Callable[[Weighted], Array], s: Weighted) -> Array:
    return _share(per_class(s).sum(axis=1), ((s.true_RK + s.predicted_RK) > 0).sum(axis=1))


def _by_class_size(per_class: Callable[[Weighted], Array], s: Weighted) -> Array:
    return _share((per_class(s) * s.true_RK).sum(axis=1), s.total_R)


def _roc_auc(s: Weighted) -> Array:
    return np.asarray(np.mean([_auc_of_class(s, k) for k in s.scored.ranked_classes], axis=0))


def _auc_of_class(s: Weighted, k: int) -> Array:
    """The share of (row of k, other row) pairs in the right order, ties counted half."""
    ranking, w_RN = s.scored.rankings[k], s.ranked(k)
    w_RP = w_RN[:, ranking.positive_P]
    others_RP = _up_to(w_RN, ranking.first_P, ranking.last_P) - _up_to(w_RP, ranking.first_hit_P, ranking.last_hit_P)
    n_R, total_R = w_RP.sum(axis=1), w_RN.sum(axis=1)
    return 1 - _share(np.einsum("rp,rp->r", w_RP, others_RP), n_R * (total_R - n_R))


def _up_to(w: Array, first: Array, last: Array) -> Array:
    """The weight of the rows before each run of ties, and half of the run's own."""
    sums = np.cumsum(w, axis=1)
    return np.asarray((sums[:, last] + sums[:, first] - w[:, first]) / 2)


def _pr_auc(s: Weighted) -> Array:
    return np.asarray(np.mean([_average_precision(s, k) for k in s.scored.ranked_classes], axis=0))


def _average_precision(s: Weighted, k: int) -> Array:
    """The mean, over rows of k, of the precision at their score (no interpolation)."""
    ranking, w_RN = s.scored.rankings[k], s.ranked(k)
    w_RP = w_RN[:, ranking.positive_P]
    hits_RP = np.cumsum(w_RP, axis=1)[:, ranking.last_hit_P]
    precision_RP = _share(hits_RP, np.cumsum(w_RN, axis=1)[:, ranking.last_P])
    return _share(np.einsum("rp,rp->r", w_RP, precision_RP), w_RP.sum(axis=1))


def _log_loss(s: Weighted) -> Array:
    return s.mean(s.scored.log_loss_N)


def _brier(s: Weighted) -> Array:
    return s.mean(s.scored.brier_N)


def _ece(s: Weighted) -> Array:
    confidence_N, hit_N = confidence_and_hit(s.scored)
    bin_N = bin_of(confidence_N)
    gaps = [np.abs(s.sum(np.where(bin_N == b, hit_N - confidence_N, 0.0))) for b in np.unique(bin_N)]
    return np.asarray(np.sum(gaps, axis=0) / s.total_R)


def _errors(s: Weighted) -> Array:
    return np.asarray(s.scored.y_N - s.scored.y_hat_N)


def _rmse(s: Weighted) -> Array:
    return np.asarray(np.sqrt(s.mean(_errors(s) ** 2)))


def _mae(s: Weighted) -> Array:
    return s.mean(np.abs(_errors(s)))


def _mape(s: Weighted) -> Array:
    return s.mean(np.abs(_errors(s) / s.scored.y_N))


def _r2(s: Weighted) -> Array:
    y_N = s.scored.y_N - s.scored.y_N.mean()  # centred, or the difference of two large sums loses its digits
    variance_R = s.mean(y_N**2) - s.mean(y_N) ** 2
    return 1 - np.where(variance_R > 0, _share(s.mean(_errors(s) ** 2), variance_R), 1.0)


def _pinball(quantile: float, s: Weighted) -> Array:
    error_N = _errors(s)
    return s.mean(np.maximum(quantile * error_N, (quantile - 1) * error_N))


def _predicted_positives(s: Weighted) -> Array:
    return np.asarray(s.predicted_RK[:, s.scored.positive])


def _positives(s: Weighted) -> Array:
    return np.asarray(s.true_RK[:, s.scored.positive])


def _rows(s: Weighted) -> Array:
    return s.total_R


ERROR = (0.0, math.inf)
METRICS = (
    Metric("accuracy", _accuracy, True, "classes", "0: every row is wrong", "wilson", _rows),
    Metric("balanced_accuracy", _balanced_accuracy, True, "classes", "0: every row is wrong; 1/K: no skill"),
    Metric(
        "precision", partial(_of_positive, _precision_RK), True, "binary",
        "0: no row called positive is", "wilson", _predicted_positives,
    ),
    Metric("precision_macro", partial(_macro, _precision_RK), True, "classes", "0: no prediction is right"),
    Metric("precision_weighted", partial(_by_class_size, _precision_RK), True, "classes", "0: no prediction is right"),
    Metric(
        "recall", partial(_of_positive, _recall_RK), True, "binary", "0: no positive row is found", "wilson", _positives
    ),
    Metric("recall_macro", partial(_macro, _recall_RK), True, "classes", "0: no row is found"),
    Metric("recall_weighted", partial(_by_class_size, _recall_RK), True, "classes", "0: every row is wrong"),
    Metric("f1", partial(_of_positive, _f1_RK), True, "binary", "0: no positive row is found"),
    Metric("f1_macro", partial(_macro, _f1_RK), True, "classes", "0: no row is found"),
    Metric("f1_weighted", partial(_by_class_size, _f1_RK), True, "classes", "0: no row is found"),
    Metric("roc_auc", _roc_auc, True, "ranks", "0: every pair is in the wrong order; 0.5: no skill", "delong"),
    Metric("pr_auc", _pr_auc, True, "ranks", "0: not reached; the share of positives: no skill"),
    Metric("log_loss", _log_loss, False, "classes", "0: certain and right everywhere", range=ERROR),
    Metric("brier", _brier, False, "classes", "0: certain and right everywhere", range=(0.0, 2.0)),
    Metric("ece", _ece, False, "classes", "0: in every bin as many hits as foretold", "binomial"),
    Metric("rmse", _rmse, False, "numbers", "0: every prediction is exact", range=ERROR),
    Metric("mae", _mae, False, "numbers", "0: every prediction is exact", range=ERROR),
    Metric("mape", _mape, False, "nonzero numbers", "0: every prediction is exact", range=ERROR),
    Metric("r2", _r2, True, "numbers", "0: no better than the mean", range=(-math.inf, 1.0)),
)  # fmt: skip


def pinball(quantile: float) -> Metric:
    """The pinball loss of the prediction, taken as that quantile (Koenker & Bassett 1978)."""
    zero = "0: every prediction is exact"
    return Metric(f"pinball_{quantile:g}", partial(_pinball, quantile), False, "numbers", zero, range=ERROR)


def metrics_of(task: Task, n_classes: int, quantiles: Sequence[float]) -> dict[str, Metric]:
    """All metrics of such a task by name."""
    if task == "regression":
        rows = [metric for metric in METRICS if "numbers" in metric.needs]
        rows += [pinball(quantile) for quantile in quantiles]
    else:
        kinds = ("classes", "ranks", "binary") if n_classes == 2 else ("classes", "ranks")
        rows = [metric for metric in METRICS if metric.needs in kinds]
    return {metric.name: metric for metric in rows}


def measure(target: TargetInfo, names: Sequence[str], prediction: Array, y: Array) -> tuple[tuple[str, float], ...]:
    """The metrics `names` of one fold; NaN where these rows have none."""
    if target.task == "classification":
        binary = target.n_outputs == 2
        positive = (1 if target.positive is None else target.positive) if binary else None
        scored = Scored(y, prediction.argmax(axis=1), prediction, positive)
    else:
        scored = Scored(y, prediction)
    table = metrics_of(target.task, target.n_outputs, ())
    weighted = Weighted(scored, np.ones((1, len(y))))
    return tuple(
        (name, float(table[name].value(weighted)[0]) if table[name].applies(scored) else math.nan) for name in names
    )

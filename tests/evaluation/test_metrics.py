"""Every metric equals scikit-learn's, with and without weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.evaluation._metrics import METRICS, Weighted, metrics_of, pinball
from assay.evaluation._reliability import ece, sums_per_bin
from assay.evaluation._scored import Scored
from tests.evaluation.example import drawn, numbers

Oracle = Callable[[Scored, Any], float]


def of_classes(function: Any, **options: Any) -> Oracle:
    return lambda s, w: function(s.y_N, s.y_hat_N, sample_weight=w, **options)


def of_ranks(function: Any) -> Oracle:
    def oracle(s: Scored, w: Any) -> float:
        classes = range(s.n_classes) if s.positive is None else [s.positive]
        return float(np.mean([function(s.y_N == k, s.p_of(k), sample_weight=w) for k in classes]))

    return oracle


def brier(s: Scored, w: Any) -> float:
    labels = None if s.positive is not None else list(range(s.n_classes))
    p = s.p_of(s.positive) if s.positive is not None else s.p_NK
    return float(sk.brier_score_loss(s.y_N, p.astype(float), sample_weight=w, labels=labels))


def calibration_error(s: Scored, w: Any) -> float:
    """Guo et al. 2017, as a loop over bins."""
    p = s.p_of(s.positive) if s.positive is not None else s.p_NK.max(axis=1)
    hit = (s.y_N == s.positive) if s.positive is not None else (s.y_N == s.y_hat_N)
    total = 0.0
    for b in range(15):
        inside = (p >= b / 15) & ((p < (b + 1) / 15) | (b == 14))
        if inside.any():
            weight = w[inside]
            total += weight.sum() / w.sum() * abs(np.average(hit[inside] - p[inside].astype(float), weights=weight))
    return total


AVERAGES = ("macro", "weighted")
ORACLES: dict[str, Oracle] = {
    "accuracy": of_classes(sk.accuracy_score),
    "balanced_accuracy": of_classes(sk.balanced_accuracy_score),
    "precision": of_classes(sk.precision_score, zero_division=0),
    "recall": of_classes(sk.recall_score, zero_division=0),
    "f1": of_classes(sk.f1_score, zero_division=0),
    **{f"precision_{a}": of_classes(sk.precision_score, average=a, zero_division=0) for a in AVERAGES},
    **{f"recall_{a}": of_classes(sk.recall_score, average=a, zero_division=0) for a in AVERAGES},
    **{f"f1_{a}": of_classes(sk.f1_score, average=a, zero_division=0) for a in AVERAGES},
    "roc_auc": of_ranks(sk.roc_auc_score),
    "pr_auc": of_ranks(sk.average_precision_score),
    "log_loss": lambda s, w: sk.log_loss(s.y_N, s.p_NK, sample_weight=w, labels=list(range(s.n_classes))),
    "brier": brier,
    "ece": calibration_error,
    "rmse": of_classes(sk.root_mean_squared_error),
    "mae": of_classes(sk.mean_absolute_error),
    "mape": of_classes(sk.mean_absolute_percentage_error),
    "r2": of_classes(sk.r2_score),
    "pinball_0.1": of_classes(sk.mean_pinball_loss, alpha=0.1),
}
NAMES = [*(metric.name for metric in METRICS), "pinball_0.1"]
TABLE = {metric.name: metric for metric in (*METRICS, pinball(0.1))}
SAMPLES = {
    "binary": drawn(501, 2),
    "binary with ties": drawn(500, 2, 1, digits=1),
    "four classes": drawn(500, 4, 2),
    "four classes with ties": drawn(500, 4, 3, digits=1),
    "numbers": numbers(500),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_metric_equals_its_oracle_in_every_weighting(name: str, sample: str) -> None:
    scored, metric = SAMPLES[sample], TABLE[name]
    if not metric.applies(scored):
        assert (metric.needs == "binary" and "four" in sample) or (("numbers" in metric.needs) != (sample == "numbers"))
        return
    rng = np.random.default_rng(5)
    w_RN = np.stack([np.ones(scored.n_rows), rng.poisson(1, scored.n_rows), rng.random(scored.n_rows)])
    found = metric.value(Weighted(scored, w_RN))
    with warnings.catch_warnings(action="ignore"):
        expected = [ORACLES[name](scored, w) for w in w_RN]
    np.testing.assert_allclose(found, expected, rtol=2e-6 if name == "log_loss" else 1e-9, atol=1e-12)


def test_a_class_that_no_row_has_is_left_out_of_means() -> None:
    scored = drawn(300, 4, 4)
    kept = scored.take(np.flatnonzero(scored.y_N != 2))
    w_RN = np.ones((1, kept.n_rows))
    for name in ("balanced_accuracy", "precision_macro", "recall_macro", "f1_macro"):
        with warnings.catch_warnings(action="ignore"):  # a class that is predicted and never true
            expected = ORACLES[name](kept, w_RN[0])
        assert TABLE[name].value(Weighted(kept, w_RN))[0] == pytest.approx(expected, abs=1e-12), name
    expected = np.mean([sk.roc_auc_score(kept.y_N == k, kept.p_of(k)) for k in (0, 1, 3)])
    assert TABLE["roc_auc"].value(Weighted(kept, w_RN))[0] == pytest.approx(expected)


def test_a_constant_target_explains_nothing() -> None:
    flat = Scored(np.full(5, 3.0), np.arange(5.0))
    assert TABLE["r2"].value(Weighted(flat, np.ones((1, 5))))[0] == sk.r2_score(flat.y_N, flat.y_hat_N) == 0


def test_every_metric_says_what_zero_means() -> None:
    assert all(metric.zero.startswith("0: ") for metric in METRICS)


def test_the_names_of_a_task_are_those_that_apply() -> None:
    assert "f1" in metrics_of("classification", 2, ())
    assert "f1" not in metrics_of("classification", 3, ())
    assert set(metrics_of("regression", 1, (0.5,))) == {"rmse", "mae", "mape", "r2", "pinball_0.5"}


def test_what_chance_gives_a_calibrated_model_is_its_mean_ece() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(88) * 0.9
    expected, found = [], []
    for _ in range(3000):
        scored = Scored((rng.random(88) < p).astype(int), (p > 0.5).astype(int), np.c_[1 - p, p], 1)
        one = ece(*sums_per_bin(scored))
        found.append(one.value)
        expected.append(one.by_chance)
    assert np.mean(expected) == pytest.approx(np.mean(found), rel=0.02)
    assert np.mean(found) > 0.05

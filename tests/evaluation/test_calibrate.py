"""Temperature and threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

from assay import evaluation
from assay.artifacts import Calibration
from assay.evaluation._calibrate import temperature, threshold
from assay.evaluation._scored import Scored
from assay.spec.evidence import EvaluationSpec
from assay.store import Store
from tests.evaluation.example import drawn, numbers, stored

SCORES = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score, "f1": f1_score}


def sharpened(scored: Scored, by: float) -> Scored:
    """The same model, `by` times as sure of itself as it should be."""
    p_NK = scored.p_NK.astype(float) ** by
    return Scored(scored.y_N, scored.y_hat_N, p_NK / p_NK.sum(axis=1, keepdims=True), scored.positive)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("by", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_how_much_too_sure_a_model_is(n_classes: int, by: float) -> None:
    scored = sharpened(drawn(20_000, n_classes), by)
    assert temperature(np.log(scored.p_NK), scored.y_N) == pytest.approx(by, rel=0.05)


def test_the_temperature_is_where_scipy_finds_the_smallest_loss() -> None:
    scored = sharpened(drawn(2000, 3), 2.0)

    def loss(t: float) -> float:
        p_NK = scored.p_NK ** (1 / t)
        return log_loss(scored.y_N, p_NK / p_NK.sum(axis=1, keepdims=True))

    expected = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-8}).x
    assert temperature(np.log(scored.p_NK), scored.y_N) == pytest.approx(expected, rel=1e-5)


def test_a_fold_without_error_and_a_model_without_opinion_have_a_temperature() -> None:
    y_N = np.array([0, 1, 0, 1])
    right = np.where(np.eye(2)[y_N] == 1, 0.9, 0.1)
    assert 1 / 20 <= temperature(np.log(right), y_N) < 0.1
    assert temperature(np.log(np.full((4, 2), 0.5)), y_N) == 1.0


@pytest.mark.parametrize("metric", SCORES)
def test_a_threshold_that_is_clearly_better_is_taken(metric: str) -> None:
    rng = np.random.default_rng(0)
    y_N = rng.random(4000) < 0.3
    p_N = np.where(y_N, rng.normal(0.2, 0.03, 4000), rng.normal(0.05, 0.03, 4000)).clip(0.001, 0.999)  # all far too low
    found = threshold(p_N, y_N, metric)
    best = max(SCORES[metric](y_N, p_N >= cut) for cut in np.unique(np.round(p_N, 3)))
    assert SCORES[metric](y_N, p_N >= found) == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize(("metric", "expected"), [("accuracy", 0.5), ("balanced_accuracy", None), ("youden", None)])
def test_with_calibrated_probabilities_the_threshold_is_the_one_of_theory(metric: str, expected: float | None) -> None:
    scored = drawn(4000, 2)
    positive_N = scored.y_N == 1
    assert threshold(scored.p_of(1), positive_N, metric) == pytest.approx(expected or positive_N.mean())


def test_the_threshold_for_f1_is_half_the_best_f1() -> None:
    scored = drawn(4000, 2)
    best = max(f1_score(scored.y_N, scored.p_of(1) >= cut) for cut in np.linspace(0.2, 0.6, 200))
    assert threshold(scored.p_of(1), scored.y_N == 1, "f1") == pytest.approx(best / 2, abs=0.005)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=60),
    metric=st.sampled_from(["accuracy", "balanced_accuracy", "f1", "youden"]),
)
def test_no_threshold_is_worse_than_the_best_by_more_than_chance(rows: list[tuple[int, bool]], metric: str) -> None:
    p_N, y_N = np.array([p / 10 for p, _ in rows]), np.array([y for _, y in rows])
    found = threshold(p_N, y_N, metric)
    assert 0 <= found <= 1
    if metric == "accuracy":
        best = max(float(((p_N >= cut) == y_N).mean()) for cut in (*np.unique(p_N), 2.0))
        reached = float(((p_N >= found) == y_N).mean())
        assert best - reached <= 2 / np.sqrt(len(rows)) + 1e-12


def test_calibration_follows_the_spec(store: Store) -> None:
    valid = stored(store, sharpened(drawn(3000, 2), 2.0), "valid")
    chosen = evaluation.calibrate(valid, EvaluationSpec(), store=store)
    assert chosen.temperature == pytest.approx(2.0, rel=0.1)
    assert (chosen.threshold, chosen.threshold_metric) == (pytest.approx(0.5), "accuracy")
    fixed = evaluation.calibrate(valid, EvaluationSpec(threshold=0.3, calibrate="none"), store=store)
    assert fixed == Calibration(temperature=1.0, threshold=0.3, threshold_metric="fixed")


def test_only_two_classes_have_a_threshold_and_numbers_have_no_calibration(store: Store) -> None:
    many = evaluation.calibrate(stored(store, drawn(500, 3), "valid"), EvaluationSpec(), store=store)
    assert many.threshold is None
    assert many.temperature == pytest.approx(1.0, rel=0.3)
    assert evaluation.calibrate(stored(store, numbers(50), "valid"), EvaluationSpec(), store=store) == Calibration()

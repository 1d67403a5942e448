"""Candidate against champion on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from assay import evaluation
from assay.artifacts import Comparison, Interval, MetricValue, Predictions
from assay.errors import DataError
from assay.evaluation._intervals import wilson
from assay.evaluation._scored import Scored
from assay.spec.evidence import EvaluationSpec
from assay.store import Store
from tests.evaluation.example import drawn, numbers, stored


def worse(scored: Scored, noise: float = 0.5, seed: int = 9) -> Scored:
    """The same rows, with noise on the scores."""
    z_NK = np.log(scored.p_NK) + np.random.default_rng(seed).normal(size=scored.p_NK.shape) * noise
    p_NK = np.exp(z_NK) / np.exp(z_NK).sum(axis=1, keepdims=True)
    return Scored(scored.y_N, p_NK.argmax(axis=1), p_NK.astype(np.float32), scored.positive)


def compared(store: Store, ours: Predictions, theirs: Predictions, *metrics: str) -> tuple[Comparison, ...]:
    config = EvaluationSpec(n_bootstrap=500)
    return evaluation.compare(ours, theirs, 3, 7, metrics, config, store=store)


def test_a_better_candidate_has_a_positive_difference_in_every_metric(store: Store) -> None:
    ours = drawn(4000, 2)
    theirs = worse(ours)
    auc, loss = compared(store, stored(store, ours), stored(store, theirs), "roc_auc", "log_loss")
    gain = roc_auc_score(ours.y_N, ours.p_of(1)) - roc_auc_score(ours.y_N, theirs.p_of(1))
    assert auc.difference.value == pytest.approx(gain)
    assert loss.difference.value == pytest.approx(
        log_loss(ours.y_N, theirs.p_NK) - log_loss(ours.y_N, ours.p_NK), rel=1e-5
    )
    for comparison in (auc, loss):
        assert 0 < comparison.difference.low < comparison.difference.value < comparison.difference.high
        assert (comparison.champion_version, comparison.n_rows, comparison.n_excluded) == (3, 4000, 7)


def test_the_width_is_that_of_paired_rows(store: Store) -> None:
    ours = numbers(3000)
    theirs = Scored(ours.y_N, ours.y_hat_N + np.random.default_rng(1).normal(size=3000) * 20)
    (found,) = compared(store, stored(store, ours), stored(store, theirs), "mae")
    gain_N = np.abs(ours.y_N - theirs.y_hat_N) - np.abs(ours.y_N - ours.y_hat_N)
    arm = 1.96 * stats.sem(gain_N)
    assert found.difference.high - found.difference.low == pytest.approx(2 * arm, rel=0.15)
    assert found.difference.value == pytest.approx(gain_N.mean())


def test_rows_are_matched_by_their_id(store: Store) -> None:
    scored = drawn(1000, 2)
    order = np.random.default_rng(0).permutation(1000)[:800]
    (found,) = compared(store, stored(store, scored), stored(store, scored.take(order), rows=order), "log_loss")
    assert found.n_rows == 800
    assert (found.difference.low, found.difference.high) == (0, 0)


def test_the_comparison_does_not_depend_on_the_order_of_the_rows(store: Store) -> None:
    ours, theirs = drawn(600, 2), worse(drawn(600, 2))
    order = np.random.default_rng(0).permutation(600)
    first = compared(store, stored(store, ours), stored(store, theirs), "roc_auc", "f1")
    moved = compared(store, stored(store, ours.take(order)), stored(store, theirs.take(order)), "roc_auc", "f1")
    assert first == moved


def test_a_champion_with_its_classes_in_another_order_is_read_right(store: Store) -> None:
    ours = drawn(500, 3)
    turn = np.array([2, 0, 1])
    theirs = Scored(np.argsort(turn)[ours.y_N], np.argsort(turn)[ours.y_hat_N], ours.p_NK[:, turn])
    champion = stored(store, theirs, classes=tuple(f"c{k}" for k in turn))
    for found in compared(store, stored(store, ours), champion, "accuracy", "log_loss", "roc_auc"):
        assert (found.difference.low, found.difference.value, found.difference.high) == (0, 0, 0)


def test_no_common_row_is_a_comparison_of_no_rows(store: Store) -> None:
    scored = drawn(50, 2)
    (found,) = compared(store, stored(store, scored), stored(store, scored, rows=np.arange(50) + 50), "roc_auc")
    assert found.n_rows == 0


def test_models_that_predict_different_things_are_not_compared(store: Store) -> None:
    ours = stored(store, drawn(50, 2))
    with pytest.raises(DataError, match="the champion predicts regression"):
        compared(store, ours, stored(store, numbers(50)), "accuracy")
    with pytest.raises(DataError, match="c0, c1, c2"):
        compared(store, ours, stored(store, drawn(50, 3)), "accuracy")


def test_a_metric_that_such_rows_do_not_have_is_left_out(store: Store) -> None:
    scored = drawn(200, 2)
    ones = stored(store, scored.take(np.flatnonzero(scored.y_N == 1)))
    assert [found.metric for found in compared(store, ones, ones, "roc_auc", "rmse", "accuracy")] == ["accuracy"]


@pytest.mark.parametrize(  # Newcombe (1998), Statistics in Medicine 17, table II, method 10
    ("a", "n_a", "b", "n_b", "low", "high"),
    [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (10, 10, 0, 20, 0.6791, 1.0)],
)
def test_of_two_wilson_intervals_the_gain_is_newcombes(
    a: int, n_a: int, b: int, n_b: int, low: float, high: float
) -> None:
    first, second = (
        MetricValue(name="accuracy", fold="test", interval=wilson(k, n, 0.95), method="wilson", greater_is_better=True)
        for k, n in ((b, n_b), (a, n_a))
    )
    found = evaluation.gain(first, second)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.value == pytest.approx(a / n_a - b / n_b)


def test_an_unpaired_gain_of_two_normal_means_is_the_textbooks_and_a_smaller_loss_is_a_gain() -> None:
    first, second = (
        MetricValue(
            name="mae", fold="test", method="bootstrap", greater_is_better=False,
            interval=Interval(value=mean, low=mean - 1.96 * error, high=mean + 1.96 * error),
        )
        for mean, error in ((5.0, 0.3), (4.0, 0.4))
    )  # fmt: skip
    found = evaluation.gain(first, second)
    assert (found.low, found.value, found.high) == pytest.approx((1 - 1.96 * 0.5, 1, 1 + 1.96 * 0.5))

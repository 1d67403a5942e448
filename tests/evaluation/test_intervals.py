"""Intervals: closed forms against independent ones, the bootstrap against scipy's and against the truth."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from assay.evaluation._intervals import bootstrap, estimates, wilson
from assay.evaluation._metrics import metrics_of
from assay.evaluation._scored import Scored, by_content
from tests.evaluation.example import drawn, numbers

BINARY = metrics_of("classification", 2, ())
NUMBERS = metrics_of("regression", 1, ())


def interval(name: str, scored: Scored, n_bootstrap: int = 1000, level: float = 0.95) -> tuple[float, float, float]:
    (ordered,), seed = by_content(scored)
    table = BINARY if scored.p_NK is not None else NUMBERS
    (found,) = estimates([table[name]], ordered, seed, fold="test", level=level, n_bootstrap=n_bootstrap)
    return found.interval.low, found.interval.value, found.interval.high


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (250, 1000)])
def test_the_interval_of_a_rate_is_wilsons(k: int, n: int) -> None:
    expected = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
    found = wilson(k, n, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_rate_of_nothing_can_be_anything() -> None:
    assert (wilson(0, 0, 0.95).low, wilson(0, 0, 0.95).high) == (0, 1)


def test_recall_counts_the_positives_and_precision_those_called_positive() -> None:
    scored = drawn(400, 2)
    hits = int(((scored.y_N == 1) & (scored.y_hat_N == 1)).sum())
    for name, whole in (("recall", scored.y_N), ("precision", scored.y_hat_N)):
        expected = stats.binomtest(hits, int((whole == 1).sum())).proportion_ci(0.95, method="wilson")
        assert interval(name, scored)[::2] == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_of_the_auc_is_delongs() -> None:
    scored = drawn(300, 2, digits=1)
    own, other = scored.p_of(1)[scored.y_N == 1], scored.p_of(1)[scored.y_N == 0]
    psi = (own[:, None] > other) + 0.5 * (own[:, None] == other)  # the definition, pair by pair
    variance = psi.mean(axis=1).var(ddof=1) / len(own) + psi.mean(axis=0).var(ddof=1) / len(other)
    auc = psi.mean()
    logit = np.log(auc / (1 - auc)) + np.array([-1, 1]) * stats.norm.ppf(0.975) * np.sqrt(variance) / (auc * (1 - auc))
    assert interval("roc_auc", scored) == pytest.approx((1 / (1 + np.exp(-logit[0])), auc, 1 / (1 + np.exp(-logit[1]))))


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "pr_auc", "log_loss"])
def test_the_bootstrap_agrees_with_scipys(name: str) -> None:
    scored = drawn(400, 2, seed=3)

    def statistic(rows: np.ndarray) -> float:
        return interval(name, scored.take(rows), n_bootstrap=100)[1]

    result = stats.bootstrap(
        (np.arange(400),), statistic, n_resamples=400, vectorized=False, method="percentile", rng=1
    )
    low, _, high = interval(name, scored)
    expected = result.confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.25 * (expected.high - expected.low))


def test_the_bootstrap_of_a_mean_has_the_width_of_the_normal_one() -> None:
    scored = numbers(2000)
    low, value, high = interval("mae", scored, 4000)
    arm = 1.96 * stats.sem(np.abs(scored.y_N - scored.y_hat_N))
    assert (value - low, high - value) == pytest.approx((arm, arm), rel=0.08)


def test_many_rows_are_resampled_in_part_and_the_interval_keeps_its_width() -> None:
    scored = numbers(200_000)
    low, value, high = interval("mae", scored, 300)
    arm = 1.96 * stats.sem(np.abs(scored.y_N - scored.y_hat_N))
    assert (high - low) / 2 == pytest.approx(arm, rel=0.2)
    assert low < value < high


@pytest.mark.parametrize("name", ["f1", "pr_auc", "roc_auc", "log_loss", "ece"])
def test_no_interval_depends_on_the_order_of_the_rows(name: str) -> None:
    scored = drawn(500, 2, digits=2)
    shuffled = scored.take(np.random.default_rng(1).permutation(500))
    assert interval(name, shuffled) == interval(name, scored)


def test_the_difference_of_two_equal_predictions_is_zero() -> None:
    scored = drawn(500, 2)
    for found in bootstrap([BINARY["roc_auc"], BINARY["log_loss"]], (scored, scored), 0, 0.95, 200).values():
        assert (found.low, found.value, found.high) == (0, 0, 0)


def test_ece_lies_between_the_excess_and_the_plain_estimate() -> None:
    low, value, high = interval("ece", drawn(400, 2))
    assert low == 0
    assert value < high < value + 0.1


def test_a_thousand_resamples_of_adults_test_fold_take_less_than_a_second_of_work() -> None:
    (scored,), seed = by_content(drawn(16_281, 2))
    start = time.process_time()
    estimates(tuple(BINARY.values()), scored, seed, fold="test", level=0.95, n_bootstrap=1000)
    assert time.process_time() - start < 1.0  # 0.25 on a quiet machine


@pytest.mark.slow
@pytest.mark.parametrize("name", ["f1", "pr_auc", "roc_auc", "log_loss", "brier", "accuracy"])
def test_intervals_cover_the_truth_as_often_as_they_say(name: str) -> None:
    truth = interval(name, drawn(400_000, 2, seed=99), n_bootstrap=100)[1]
    covered = 0
    for seed in range(400):
        low, _, high = interval(name, drawn(600, 2, seed=seed), n_bootstrap=400)
        covered += low <= truth <= high
    assert 0.92 <= covered / 400 <= 0.98

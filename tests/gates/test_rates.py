"""The closed forms of a gap, against independent ones and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.artifacts import Interval, PairGap
from assay.gates import _rates

LIMITS = (-0.1, 0.1)


def pair(k_a: float, n_a: float, k_b: float, n_b: float, metric: str = "selection_rate", **more: float) -> PairGap:
    return PairGap(
        metric=metric, sensitive="who", group_a="a", group_b="b", k_a=k_a, n_a=n_a, k_b=k_b, n_b=n_b,
        ss_a=more.get("ss_a", 0.0), ss_b=more.get("ss_b", 0.0),
    )  # fmt: skip


@pytest.mark.parametrize("df", [9, 20, 100, 1e6])
@pytest.mark.parametrize("confidence", [0.95, 0.99, 0.9999])
def test_students_quantile_is_scipys(df: float, confidence: float) -> None:
    assert _rates.t(confidence, df) == pytest.approx(stats.t.ppf(confidence, df), rel=2e-3)


def test_a_ratio_has_the_bounds_of_katz_with_a_half_added() -> None:
    a, b = np.array([12.5, 50.5]), np.array([20.5, 40.5])
    error = np.sqrt(1 / a[0] - 1 / a[1] + 1 / b[0] - 1 / b[1])
    expected = np.exp(np.log(a[0] / a[1]) - np.log(b[0] / b[1]) + stats.norm.ppf([0.05, 0.95]) * error)
    assert _rates.bounds(pair(12, 50, 20, 40), "ratio", 0.95) == pytest.approx(tuple(expected))


def test_one_sided_bounds_shorten_a_two_sided_interval() -> None:
    low, high = _rates.one_sided(Interval(value=0.5, low=0.5 - 1.96, high=0.5 + 2 * 1.96))
    assert (low, high) == pytest.approx((0.5 - 1.645, 0.5 + 2 * 1.645), abs=1e-3)


@given(n_a=st.integers(1, 500), n_b=st.integers(1, 500), data=st.data())
def test_bounds_hold_the_gap_and_stay_possible(n_a: int, n_b: int, data: st.DataObject) -> None:
    k_a, k_b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    both = pair(k_a, n_a, k_b, n_b)
    low, high = _rates.bounds(both, "difference", 0.95)
    assert -1 - 1e-9 <= low <= _rates.gap(both, "difference") <= high <= 1 + 1e-9
    wider = _rates.bounds(both, "difference", 0.999)
    assert wider[0] <= low + 1e-9
    assert high <= wider[1] + 1e-9
    turned = _rates.bounds(_rates.turned(both), "difference", 0.95)
    assert turned == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    ("p_a", "p_b", "n_a", "n_b"), [(0.25, 0.25, 66, 4385), (0.35, 0.25, 420, 9000), (0.5, 0.3, 100, 80)]
)
def test_each_bound_is_passed_by_the_truth_as_rarely_as_it_says(p_a: float, p_b: float, n_a: int, n_b: int) -> None:
    rng = np.random.default_rng(0)
    drawn = zip(rng.binomial(n_a, p_a, 4000), rng.binomial(n_b, p_b, 4000), strict=True)
    bounds = np.array([_rates.bounds(pair(k_a, n_a, k_b, n_b), "difference", 0.95) for k_a, k_b in drawn])
    above, below = (bounds[:, 0] > p_a - p_b).mean(), (bounds[:, 1] < p_a - p_b).mean()
    assert above < 0.06
    assert below < 0.06


@pytest.mark.parametrize("k_a", [60, 75, 83])
def test_the_rows_that_would_decide_do_decide_and_fewer_do_not(k_a: int) -> None:
    both = pair(k_a, 200, 50, 200)
    assert _rates.verdict(both, "difference", LIMITS, 1) == "INCONCLUSIVE"
    times = _rates.times_to_decide(both, "difference", LIMITS, 1)
    assert times is not None
    assert _rates.verdict(_rates.grown(both, times), "difference", LIMITS, 1) != "INCONCLUSIVE"
    assert _rates.verdict(_rates.grown(both, times * 0.99), "difference", LIMITS, 1) == "INCONCLUSIVE"


def test_no_number_of_rows_decides_a_gap_at_the_limit() -> None:
    assert _rates.times_to_decide(pair(70, 200, 50, 200), "difference", LIMITS, 1) is None


def test_calibration_is_blamed_for_the_excess_and_cleared_by_the_whole() -> None:
    # ECE 0.08, of which 0.05 by chance, standard error 0.01
    both = pair(8, 100, 5, 100, _rates.CALIBRATION, ss_a=1.0)
    assert _rates.gap(both, "difference") == pytest.approx(0.03)
    assert _rates.bounds(both, "difference", 0.95) == pytest.approx((0.03 - 0.01645, 0.08 + 0.01645), abs=1e-5)
    grown = _rates.grown(both, 4)
    assert _rates.gap(grown, "difference") == pytest.approx(0.03)
    assert grown.k_b / grown.n_b == pytest.approx(0.025)

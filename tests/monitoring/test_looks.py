"""Tests and effect sizes against scipy, scikit-learn and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from assay.artifacts import Look
from assay.monitoring import _looks, _together
from assay.monitoring._cells import counted, merged, of_reference
from assay.monitoring._reference import column_of
from assay.spec.monitoring import MonitoringSpec

CONFIG = MonitoringSpec()


def looks(before: object, now: object, kind: str) -> dict[str, Look]:
    column = pa.chunked_array([pa.array(now)])
    return {look.about: look for look in _looks.of_column(column, column_of("x", kind, pa.array(before)), CONFIG)}


def test_the_p_value_of_numbers_is_that_of_scipy(adult: pa.Table) -> None:
    age = adult["age"].to_numpy()
    before, now = age[:20_000], age[20_000:21_000] + (np.arange(1000) % 3 == 0)
    expected = stats.ks_2samp(before, now, method="asymp")
    assert looks(before, now, "numeric")["values"].p == pytest.approx(expected.pvalue, rel=1e-12)


def test_of_many_different_numbers_the_distance_is_short_by_less_than_a_point_has_rows(adult: pa.Table) -> None:
    weight = adult["fnlwgt"].to_numpy().astype(float)
    before, now = weight[:20_000], weight[20_000:22_000] * 1.1
    of, expected = column_of("x", "numeric", pa.array(before)), stats.ks_2samp(before, now, method="asymp")
    assert len(of.points) == 512
    assert sum(of.counts) == len(before)
    both = of_reference(of).count_C, counted(pa.chunked_array([now]), of).count_C
    found = np.abs(np.cumsum(both[0]) / 20_000 - np.cumsum(both[1]) / 2000).max()
    assert expected.statistic - 1 / 400 <= found <= expected.statistic


def test_the_p_value_of_texts_is_that_of_scipy(adult: pa.Table) -> None:
    job = adult["sex"].to_pylist()
    before, now = job[:20_000], job[20_000:21_000]
    table = [[column.count(level) for level in ("Male", "Female")] for column in (before, now)]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert looks(before, now, "categorical")["values"].p == pytest.approx(expected, rel=1e-12)


def test_the_psi_is_the_sum_that_its_definition_says() -> None:
    before, now = ["a"] * 600 + ["b"] * 400, ["a"] * 300 + ["b"] * 700
    p, q = np.array([600.5, 400.5]) / 1001, np.array([300.5, 700.5]) / 1001
    expected = ((q - p) * np.log(q / p)).sum()
    assert looks(before, now, "categorical")["values"].effect == pytest.approx(expected)


def test_numbers_are_merged_into_tenths_and_what_lies_beyond() -> None:
    of = column_of("x", "numeric", pa.array(np.arange(1000.0)))
    reference, window = merged(
        of_reference(of).count_C, counted(pa.chunked_array([[-5.0, 50.0, 2000.0]]), of).count_C, True
    )
    assert reference.tolist()[0] == reference.tolist()[-1] == 0
    assert np.abs(reference[1:-1] - 100).max() <= 4
    assert window.tolist() == [1, 1, *[0] * 9, 1]


def test_a_constant_that_becomes_another_has_moved() -> None:
    found = looks([1.0] * 500, [2.0] * 500, "numeric")["values"]
    assert found.p < 1e-100
    assert found.effect > 1


def test_missing_values_are_compared_as_scipy_does() -> None:
    before, now = [None] * 50 + [1.0] * 950, [None] * 60 + [1.0] * 440
    found = looks(before, now, "numeric")["missing"]
    assert found.p == pytest.approx(stats.chi2_contingency([[50, 950], [60, 440]], correction=False).pvalue)
    assert found.effect == pytest.approx(0.12 - 0.05)
    few = looks([None] * 2 + [1.0] * 998, [None] * 3 + [1.0] * 97, "numeric")["missing"]
    assert few.p == pytest.approx(stats.fisher_exact([[2, 998], [3, 97]]).pvalue)


def test_new_levels_are_named_and_tested_against_the_share_that_is_allowed() -> None:
    before, now = ["a", "b"] * 500, ["a"] * 90 + ["new"] * 7 + ["newer"] * 3
    found = looks(before, now, "categorical")["new levels"]
    assert found.effect == 0.1
    assert found.p == pytest.approx(stats.binomtest(10, 100, 0.01, alternative="greater").pvalue)
    assert "'new', 'newer'" in found.detail
    assert looks(before, ["a"] * 100, "categorical")["new levels"].p == 1


def test_all_looks_of_a_window_are_corrected_together() -> None:
    base = looks(["a"], ["a"], "categorical")["missing"]
    p = [0.001, 0.02, 0.03, 0.9]
    given = [replace(base, p=each, effect=1.0) for each in p]
    found = _looks.corrected(given, 0.01)
    assert [look.p_adjusted for look in found] == stats.false_discovery_control(p).tolist()
    assert [look.moved for look in found] == [True, False, False, False]
    assert not _looks.corrected([replace(given[0], effect=0.01)], 0.01)[0].moved  # of no size


def test_a_classifier_tells_a_changed_dependence_that_no_column_shows() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 32, 2000)
    same, other = np.column_stack([x, x]), np.column_stack([x, rng.permutation(x)])
    auc, p = _together.two_sample(same, other)
    assert auc > 0.8
    assert p < 1e-50
    auc, p = _together.two_sample(other[:1000], other[1000:])
    assert abs(auc - 0.5) < 0.06
    assert p > 0.001


def test_the_classifier_test_does_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.integers(0, 9, (500, 3)), rng.integers(0, 9, (400, 3)) + 1
    found = _together.two_sample(before, now)
    assert found == _together.two_sample(rng.permutation(before), rng.permutation(now))
    assert found[0] > 0.5


def test_the_classifier_test_seldom_sees_what_is_not_there() -> None:
    rng, p = np.random.default_rng(1), []
    for _ in range(30):
        x = rng.integers(0, 32, (600, 3))
        p.append(_together.two_sample(x[:300], x[300:])[1])
    assert stats.binomtest(sum(each <= 0.05 for each in p), 30, 0.05, alternative="greater").pvalue > 0.01

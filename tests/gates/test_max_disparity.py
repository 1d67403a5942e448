"""`max_disparity`: how often it says what when the truth is known, and what it says when evidence is thin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from assay.artifacts import Evidence
from assay.audit._findings import Tally
from assay.gates import max_disparity
from tests.gates.simulated import evidence, judge, rates, verdicts


def sizes(adult: pa.Table) -> list[int]:
    """Rows of each race and sex in a fifth of Adult: ten groups, the smallest of some thirty rows."""
    counts = adult.group_by(["race", "sex"]).aggregate([("sex", "count")])["sex_count"].to_pylist()
    return [n // 5 for n in counts]


def checked(found: Evidence, **options: Any) -> Any:
    return max_disparity.check(max_disparity.Config.model_validate({"sensitive": "who"} | options), found)


def test_four_fair_groups_pass_nine_times_in_ten(adult: pa.Table) -> None:
    large = sorted(sizes(adult))[-4:]
    shares = verdicts(large, [0.25] * 4, 400, tolerance=0.1)
    assert shares["PASS"] > 0.88
    assert "FAIL" not in shares


@pytest.mark.parametrize("true_rates", [[0.35, 0.25], [0.15, 0.25]])
def test_a_true_gap_at_the_limit_passes_one_time_in_twenty(true_rates: list[float]) -> None:
    shares = verdicts([420, 9000], true_rates, 2000, tolerance=0.1)
    assert 0.03 < shares["PASS"] <= 0.065
    assert shares.get("FAIL", 0) <= 0.04


def test_a_true_ratio_at_the_limit_passes_one_time_in_twenty() -> None:
    assert verdicts([5421, 10860], [0.2, 0.25], 2000, min_ratio=0.8)["PASS"] <= 0.065


@pytest.mark.parametrize("options", [{"tolerance": 0.1}, {"tolerance": 0.02}, {"min_ratio": 0.8}])
def test_ten_fair_groups_are_hardly_ever_failed(adult: pa.Table, options: dict[str, float]) -> None:
    assert verdicts(sizes(adult), [0.25] * 10, 150, **options).get("FAIL", 0) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"tolerance": 0.1}, {"tolerance": 0.02}, {"tolerance": 1e-6}, {"min_ratio": 0.8}])
def test_a_thousand_fair_models_over_ten_groups_are_failed_at_most_fifty_times(
    adult: pa.Table, options: dict[str, float]
) -> None:
    assert verdicts(sizes(adult), [0.25] * 10, 1000, **options).get("FAIL", 0) <= 0.05


def test_a_true_gap_of_a_fifth_in_a_small_group_fails() -> None:
    assert verdicts([420, 9000], [0.05, 0.25], 500, tolerance=0.1)["FAIL"] >= 0.995


def test_a_group_too_small_to_be_judged_can_fail_and_need_not_pass() -> None:
    fair = judge(rates([5000, 5000, 40], [1250, 1250, 12]), tolerance=0.1)
    assert fair.verdict == "PASS"
    assert "Too few to be judged alone: g2." in fair.detail
    blatant = judge(rates([5000, 5000, 40], [1250, 1250, 39]), tolerance=0.1)
    assert blatant.verdict == "FAIL"
    assert "g2 and g" in blatant.reason
    assert judge(rates([5000, 5000, 40], [1250, 1250, 12]), min_share=0, tolerance=0.1).verdict == "INCONCLUSIVE"


def test_an_open_answer_names_the_groups_and_the_rows_that_would_decide() -> None:
    result = judge(rates([200, 3000], [64, 750]), tolerance=0.1)
    assert result.verdict == "INCONCLUSIVE"
    assert "g0 and g1 differ by 0.07" in result.reason
    more = int(result.reason.split("about ")[1].split(" more rows of g0")[0].replace(",", ""))
    times = (200 + more) / 200
    assert judge(rates([200 * times, 3000 * times], [64 * times, 750 * times]), tolerance=0.1).verdict == "PASS"
    smaller = 1 + 0.8 * more / 200
    grown = rates([200 * smaller, 3000 * smaller], [64 * smaller, 750 * smaller])
    assert judge(grown, tolerance=0.1).verdict == "INCONCLUSIVE"


def test_the_result_shows_the_widest_gap_its_bounds_and_the_tolerance() -> None:
    result = judge(rates([5000, 5000, 5000], [1250, 1300, 1500]), tolerance=0.1)
    assert result.value == pytest.approx(0.05)
    assert result.low < result.value < result.high < result.bound == 0.1
    ratio = judge(rates([5000, 5000, 5000], [1250, 1300, 1500]), min_ratio=0.7)
    assert ratio.value == pytest.approx(1250 / 1500)
    assert ratio.bound == 0.7
    assert "g0 has 0.833" in ratio.reason
    assert ratio.tolerance.low == 0.7
    assert ratio.tolerance.high == pytest.approx(1 / 0.7)


def test_equalized_odds_wants_both_rates_as_one_family() -> None:
    def tallies(positive_rate: float, other_rate: float) -> dict[str, Tally]:
        return {
            "accuracy": Tally(9000, 8000),
            "true_positive_rate": Tally(3000, 3000 * positive_rate),
            "false_positive_rate": Tally(6000, 6000 * other_rate),
        }

    fair = evidence({"a": tallies(0.6, 0.1), "b": tallies(0.61, 0.11)})
    assert checked(fair, metric="equalized_odds", tolerance=0.1).verdict == "PASS"
    one_off = evidence({"a": tallies(0.6, 0.1), "b": tallies(0.61, 0.3)})
    result = checked(one_off, metric="equalized_odds", tolerance=0.1)
    assert result.verdict == "FAIL"
    assert "false_positive_rate" in result.reason
    assert "every comparison (2 in all)" in result.reason
    assert set(result.tolerance.metrics) == {"false_positive_rate"}
    half = evidence({g: {"accuracy": Tally(900, 1), "true_positive_rate": Tally(900, 450)} for g in "ab"})
    missing = checked(half, metric="equalized_odds", tolerance=0.1)
    assert missing.verdict == "INCONCLUSIVE"
    assert "no group has any negatives" in missing.reason


def test_a_rate_of_many_classes_stands_for_all_of_them_or_for_one() -> None:
    def tallies(cat: int, dog: int) -> dict[str, Tally]:
        return {
            "accuracy": Tally(4000, 3000),
            "selection_rate[cat]": Tally(4000, cat),
            "selection_rate[dog]": Tally(4000, dog),
        }

    found = evidence({"a": tallies(1000, 1000), "b": tallies(1010, 2000)})
    assert checked(found, metric="selection_rate[cat]", tolerance=0.1).verdict == "PASS"
    assert checked(found, metric="selection_rate", tolerance=0.1).verdict == "FAIL"
    assert checked(found, metric="selection_rate[mouse]", tolerance=0.1).verdict == "INCONCLUSIVE"


def test_calibration_is_asked_of_each_group_alone() -> None:
    calm = Tally(2000, 2000 * 0.012, ss=2000**2 * 0.006**2, by_chance=2000 * 0.01)
    off = Tally(2000, 2000 * 0.09, ss=2000**2 * 0.006**2, by_chance=2000 * 0.01)
    fair = evidence({g: {"accuracy": Tally(2000, 1), "calibration_error": calm} for g in "ab"})
    assert checked(fair, metric="calibration_error", tolerance=0.03).verdict == "PASS"
    unfair = evidence({g: {"accuracy": Tally(2000, 1), "calibration_error": t} for g, t in (("a", calm), ("b", off))})
    result = checked(unfair, metric="calibration_error", tolerance=0.03)
    assert result.verdict == "FAIL"
    assert "b is off by" in result.reason
    assert result.tolerance.low is None


def test_a_large_group_without_positives_never_passes() -> None:
    nobody = {"accuracy": Tally(4000, 3000), "true_positive_rate": Tally(0, 0)}
    somebody = {"accuracy": Tally(4000, 3000), "true_positive_rate": Tally(900, 500)}
    result = checked(evidence({"a": somebody, "b": somebody, "c": nobody}), metric="true_positive_rate", tolerance=0.1)
    assert result.verdict == "INCONCLUSIVE"
    assert "true_positive_rate has no comparison for c" in result.reason


@pytest.mark.parametrize("n_rows", [[5000], [4950, 50]])
def test_one_group_alone_never_passes(n_rows: list[int]) -> None:
    result = judge(rates(n_rows, [n // 4 for n in n_rows]), tolerance=0.1)
    assert result.verdict == "INCONCLUSIVE"
    assert "1 of its groups" in result.reason


def test_a_feature_that_was_not_audited_is_an_error() -> None:
    found = evidence(rates([5000, 5000], [1250, 1250]))
    result = checked(found, metric="selection_rate", sensitive=["who", "race"], tolerance=0.1)
    assert result.verdict == "ERROR"
    assert "'who × race'; it looked at: who" in result.reason
    assert checked(replace(found, findings=None), metric="selection_rate", tolerance=0.1).verdict == "ERROR"


def test_a_verdict_does_not_depend_on_the_order_of_the_groups() -> None:
    n_rows, selected = [700, 400, 3000, 900], [180, 120, 750, 260]
    drawn = rates(n_rows, selected)
    names = list(drawn)
    expected = judge(drawn, tolerance=0.1)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(4)
        moved = judge({names[i]: drawn[names[i]] for i in order}, tolerance=0.1)
        assert (moved.verdict, moved.reason, moved.value) == (expected.verdict, expected.reason, expected.value)


@pytest.mark.parametrize(
    "options",
    [
        {"metric": "fairness", "tolerance": 0.1},
        {"metric": "selection_rate"},
        {"metric": "selection_rate", "tolerance": 0.1, "min_ratio": 0.8},
        {"metric": "mean_error", "min_ratio": 0.8},
        {"metric": "selection_rate", "tolerance": 0},
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        max_disparity.Config.model_validate({"sensitive": "sex"} | options)

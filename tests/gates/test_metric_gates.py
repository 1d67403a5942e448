"""`min_metric`, `max_metric` and `beats_champion`: three answers, and the rows that would decide."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from assay.artifacts import Comparison, Evaluation, Evidence, GateResult, Interval, MetricValue
from assay.gates import beats_champion, max_metric, min_metric


def evidence(low: float = 0.84, value: float = 0.85, high: float = 0.86, **more: Any) -> Evidence:
    """A metric `accuracy` of the test fold (and a worse one of valid), on 1,000 rows."""
    interval = Interval(value=value, low=low, high=high)
    test = MetricValue(name="accuracy", fold="test", interval=interval, method="wilson", greater_is_better=True)
    valid = replace(test, fold="valid", interval=Interval(value=0.5, low=0.49, high=0.51))
    measured = Evaluation(metrics=(test, valid), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=1000)
    return Evidence(evaluation=measured, findings=None, comparisons=(), champion_version=0, **more)


def at_least(bound: float, **options: Any) -> GateResult:
    config = min_metric.Config.model_validate({"metric": "accuracy", "at_least": bound} | options)
    return min_metric.check(config, evidence())


def at_most(bound: float, **options: Any) -> GateResult:
    config = max_metric.Config.model_validate({"metric": "accuracy", "at_most": bound} | options)
    return max_metric.check(config, evidence())


# The one-sided bounds of 0.85 (0.84 to 0.86) are 0.8416 and 0.8584.
@pytest.mark.parametrize(
    ("bound", "verdict"),
    [(0.84, "PASS"), (0.8415, "PASS"), (0.842, "INCONCLUSIVE"), (0.858, "INCONCLUSIVE"), (0.859, "FAIL")],
)
def test_a_lower_limit_passes_below_the_interval_and_fails_above_it(bound: float, verdict: str) -> None:
    assert at_least(bound).verdict == verdict
    mirrored = {"PASS": "FAIL", "FAIL": "PASS"}
    assert at_most(bound).verdict == mirrored.get(verdict, verdict)


def test_by_point_looks_at_the_number_alone() -> None:
    assert at_least(0.85, by="point").verdict == "PASS"
    assert at_least(0.8501, by="point").verdict == "FAIL"
    assert at_most(0.85, by="point").verdict == "PASS"


def test_the_rows_that_would_decide_shrink_the_interval_to_the_bound() -> None:
    found = at_least(0.846)
    more = int(re.search(r"About ([\d,]+) more test rows", found.reason)[1].replace(",", ""))
    arm = 0.01 * 1.6449 / 1.96 * (1000 / (1000 + more)) ** 0.5
    assert 0.0038 < arm <= 0.004
    assert "no reasonable number" in at_least(0.85).reason


def test_another_fold_can_be_asked() -> None:
    assert at_least(0.6, fold="valid").verdict == "FAIL"
    assert "times as many valid rows" in at_least(0.505, fold="valid").reason


def test_a_metric_that_was_not_measured_is_an_error_that_names_those_that_were() -> None:
    result = at_least(0.5, metric="acuracy")
    assert result.verdict == "ERROR"
    assert "there are: accuracy" in result.reason
    assert at_least(0.5, fold="audit").verdict == "ERROR"


def test_a_number_that_is_not_finite_is_an_error() -> None:
    config = min_metric.Config(metric="accuracy", at_least=0.5)
    assert min_metric.check(config, evidence(value=float("nan"))).verdict == "ERROR"
    assert min_metric.check(config, evidence(low=float("-inf"))).verdict == "ERROR"


def against_champion(low: float, value: float, high: float, n_rows: int = 2000, **options: Any) -> GateResult:
    comparison = Comparison(
        champion_version=4,
        metric="accuracy",
        difference=Interval(value=value, low=low, high=high),
        n_rows=n_rows,
        n_excluded=17,
    )
    config = beats_champion.Config.model_validate({"metric": "accuracy"} | options)
    return beats_champion.check(config, replace(evidence(), comparisons=(comparison,), champion_version=4))


# The one-sided bounds of 0.01 (-0.002 to 0.022) are -0.00007 and 0.02007.
@pytest.mark.parametrize(
    ("margin", "verdict"), [(0.002, "PASS"), (0.0, "INCONCLUSIVE"), (-0.02, "INCONCLUSIVE"), (-0.021, "FAIL")]
)
def test_a_margin_is_the_loss_that_is_accepted_or_the_gain_that_is_demanded(margin: float, verdict: str) -> None:
    result = against_champion(-0.002, 0.01, 0.022, margin=margin)
    assert (result.verdict, result.bound) == (verdict, -margin)


def test_the_same_model_again_is_not_better_but_not_worse_either() -> None:
    assert against_champion(0, 0, 0).verdict == "FAIL"
    assert against_champion(0, 0, 0, margin=0.001).verdict == "PASS"


def test_few_common_rows_are_not_enough_data() -> None:
    result = against_champion(0.1, 0.2, 0.3, n_rows=499)
    assert result.verdict == "INCONCLUSIVE"
    assert result.reason.startswith("Not enough data: 499 rows that neither model was trained on, 17 set aside")
    assert against_champion(0.1, 0.2, 0.3, n_rows=499, min_rows=400).verdict == "PASS"


def test_without_a_champion_there_is_nothing_to_beat() -> None:
    config = beats_champion.Config(metric="accuracy")
    assert beats_champion.check(config, evidence()).verdict == "NOT_APPLICABLE"


def test_a_champion_that_could_not_be_compared_is_an_error() -> None:
    config = beats_champion.Config(metric="accuracy")
    broken = evidence(comparison_problem="MLflow does not answer.")
    assert beats_champion.check(config, broken).verdict == "ERROR"
    unseen = replace(evidence(), champion_version=4)
    assert beats_champion.check(config, unseen).verdict == "ERROR"


def test_a_comparison_with_another_version_is_no_evidence() -> None:
    stale = Comparison(
        champion_version=3, metric="accuracy", difference=Interval(value=1, low=1, high=1), n_rows=900, n_excluded=0
    )
    config = beats_champion.Config(metric="accuracy")
    assert (
        beats_champion.check(config, replace(evidence(), comparisons=(stale,), champion_version=4)).verdict == "ERROR"
    )


def test_no_zero_has_a_minus() -> None:
    result = against_champion(-0.0, -0.0, 0.0, margin=0)
    assert "is 0 (0 to 0, positive is better); more than 0 is asked" in result.reason
    assert str(result.bound) == "0.0"

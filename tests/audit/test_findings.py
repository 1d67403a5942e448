"""Findings equal fairlearn's and scipy's, and name what they cannot judge."""

from __future__ import annotations

import time
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, mean_absolute_error, precision_score

from assay import audit
from assay.artifacts import Findings, GroupRow, PairGap
from assay.spec.evidence import AuditSpec
from assay.store import Store
from tests.audit.example import binary, numbers, people, predictions, snapshot

N_ROWS = 4000
RATES = {
    "selection_rate": fl.selection_rate,
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "accuracy": accuracy_score,
    "precision": precision_score,
}


def audited(store: Store, table: pa.Table, drawn: Any, **spec: Any) -> Findings:
    ours = predictions(store, *drawn)
    return audit.audit(ours, snapshot(store, table), AuditSpec.model_validate(spec), store=store)


def group_values(findings: Findings, metric: str) -> dict[str, float]:
    return {row.group: entry[3].value for row in findings.groups for entry in row.metrics if entry[0] == metric}


def gaps(findings: Findings, metric: str, scale: str = "difference") -> list[PairGap]:
    return [gap for gap in findings.gaps if (gap.metric, gap.scale) == (metric, scale)]


def group(findings: Findings, name: str) -> GroupRow:
    return next(row for row in findings.groups if row.group == name)


@pytest.fixture(scope="module")
def race() -> Any:
    return people(N_ROWS).to_pandas()["race"].astype(object).fillna("(missing)")


@pytest.mark.parametrize("metric", RATES)
def test_every_rate_of_every_group_equals_fairlearns(store: Store, race: Any, metric: str) -> None:
    y, y_hat, p = binary(N_ROWS)
    found = audited(store, people(N_ROWS), (y, y_hat, p), sensitive=["race"])
    frame = fl.MetricFrame(metrics=RATES[metric], y_true=y, y_pred=y_hat, sensitive_features=race)
    assert group_values(found, metric) == pytest.approx(frame.by_group.to_dict(), abs=1e-12)
    widest = max(gap.gap for gap in gaps(found, metric))
    assert widest == pytest.approx(frame.difference(), abs=1e-12)


def test_disparities_equal_fairlearns(store: Store, race: Any) -> None:
    y, y_hat, p = binary(N_ROWS)
    found = audited(store, people(N_ROWS), (y, y_hat, p), sensitive=["race"])
    parity = max(gap.gap for gap in gaps(found, "selection_rate"))
    impact = min(gap.gap for gap in gaps(found, "selection_rate", "ratio"))
    odds = max(gap.gap for name in ("true_positive_rate", "false_positive_rate") for gap in gaps(found, name))
    assert parity == pytest.approx(fl.demographic_parity_difference(y, y_hat, sensitive_features=race), abs=1e-12)
    assert impact == pytest.approx(fl.demographic_parity_ratio(y, y_hat, sensitive_features=race), abs=1e-12)
    assert odds == pytest.approx(fl.equalized_odds_difference(y, y_hat, sensitive_features=race), abs=1e-12)


def test_rates_of_many_classes_are_those_of_each_against_the_rest(store: Store, race: Any) -> None:
    y, y_hat, p = binary(N_ROWS, n_classes=3)
    found = audited(store, people(N_ROWS), (y, y_hat, p), sensitive=["race"])
    for k in range(3):
        for metric in ("selection_rate", "true_positive_rate", "false_positive_rate", "precision"):
            frame = fl.MetricFrame(metrics=RATES[metric], y_true=y == k, y_pred=y_hat == k, sensitive_features=race)
            assert group_values(found, f"{metric}[c{k}]") == pytest.approx(frame.by_group.to_dict(), abs=1e-12)
    assert group_values(found, "selection_rate") == {}


def test_errors_of_numbers_equal_fairlearns_and_their_gap_is_welchs(store: Store, race: Any) -> None:
    y, y_hat = numbers(N_ROWS)
    found = audited(store, people(N_ROWS), (y, y_hat), sensitive=["race"])
    frame = fl.MetricFrame(metrics=mean_absolute_error, y_true=y, y_pred=y_hat, sensitive_features=race)
    assert group_values(found, "mean_absolute_error") == pytest.approx(frame.by_group.to_dict(), rel=1e-12)
    for metric, error in (("mean_error", y_hat - y), ("mean_absolute_error", np.abs(y_hat - y))):
        for gap in gaps(found, metric):
            a, b = error[race == gap.group_a], error[race == gap.group_b]
            expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
            assert gap.gap == pytest.approx(a.mean() - b.mean(), rel=1e-9)
            assert gap.gap >= 0
            assert (gap.low, gap.high) == pytest.approx((expected.low, expected.high), rel=1e-3, abs=1e-2)


def test_the_bounds_of_a_group_are_wilsons_and_those_of_a_mean_students(store: Store) -> None:
    y, y_hat, p = binary(N_ROWS)
    for name, k, n, interval in group(
        audited(store, people(N_ROWS), (y, y_hat, p), sensitive=["race"]), "rare"
    ).metrics:
        if name in RATES:
            expected = stats.binomtest(int(k), int(n)).proportion_ci(0.95, method="wilson")
            assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    errors = numbers(N_ROWS)
    row = group(audited(store, people(N_ROWS), errors, sensitive=["race"]), "rare")
    rare = people(N_ROWS).to_pandas()["race"].to_numpy() == "rare"
    error = (errors[1] - errors[0])[rare]
    low, high = stats.t.interval(0.95, len(error) - 1, error.mean(), stats.sem(error))
    assert (row.metrics[0][3].low, row.metrics[0][3].high) == pytest.approx((low, high), rel=1e-4)


def test_a_difference_of_rates_has_newcombes_bounds(store: Store) -> None:
    # Newcombe 1998, table II: 56/70 against 48/80, method 10: 0.0524 to 0.3339 at 95 %.
    y_hat = np.r_[np.ones(56), np.zeros(14), np.ones(48), np.zeros(32)].astype(int)
    table = pa.table({"arm": ["a"] * 70 + ["b"] * 80})
    found = audited(store, table, (y_hat, y_hat, np.eye(2)[y_hat]), sensitive=["arm"])
    (gap,) = gaps(found, "selection_rate")
    assert (gap.group_a, gap.group_b, gap.gap) == ("a", "b", pytest.approx(0.2))
    # one pair, two sides: the adjusted bounds are those of the two-sided 95 % interval
    assert (gap.low_adjusted, gap.high_adjusted) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert gap.low_adjusted < gap.low < gap.gap < gap.high < gap.high_adjusted


def test_a_calibrated_model_has_no_excess_and_a_boastful_group_has(store: Store) -> None:
    y, y_hat, p = binary(20_000)
    table = people(20_000)
    honest = audited(store, table, (y, y_hat, p), sensitive=["sex"])
    assert all(gap.low < 0.01 for gap in gaps(honest, "calibration_error"))
    women = table["sex"].to_pandas().to_numpy() == "Female"
    sure = p.copy()
    sure[women] = sure[women] ** 4 / (sure[women] ** 4).sum(axis=1, keepdims=True)
    found = audited(store, table, (y, y_hat, sure), sensitive=["sex"])
    excess = {gap.group_a: gap.low_adjusted for gap in gaps(found, "calibration_error")}
    assert excess["Female"] > 0.08
    assert excess["Male"] < 0.01
    assert all(gap.group_b == "(if calibrated)" for gap in gaps(found, "calibration_error"))


def test_a_small_calibrated_group_is_not_blamed_for_chance(store: Store) -> None:
    beyond = 0
    for seed in range(60):
        found = audited(store, people(88, seed), binary(88, seed), sensitive=["sex"])
        beyond += any(gap.low_adjusted > 0 for gap in gaps(found, "calibration_error"))
    assert beyond <= 6


def test_a_group_with_no_positives_has_no_rate_and_is_named(store: Store) -> None:
    y_hat = np.array([0, 1] * 50)
    y = np.r_[np.zeros(50), [0, 1] * 25].astype(int)
    table = pa.table({"g": ["none"] * 50 + ["some"] * 50})
    found = audited(store, table, (y, y_hat, np.eye(2)[y_hat]), sensitive=["g"])
    assert set(group_values(found, "true_positive_rate")) == {"some"}
    assert gaps(found, "true_positive_rate") == []
    assert "g: none without positives, so true_positive_rate is not defined there." in found.problems


@pytest.mark.parametrize(("values", "name"), [([None] * 40, "(missing)"), (["x"] * 40, "x")])
def test_a_feature_with_one_group_is_a_problem(store: Store, values: list[Any], name: str) -> None:
    found = audited(store, pa.table({"g": pa.array(values, pa.string())}), binary(40), sensitive=["g"])
    assert f"g: all rows are in one group, {name}; nothing to compare." in found.problems
    assert gaps(found, "selection_rate") == []


def test_too_many_groups_are_listed_and_not_compared(store: Store) -> None:
    table = pa.table({"g": [f"g{i % 150}" for i in range(600)]})
    found = audited(store, table, binary(600), sensitive=["g"])
    assert len(found.groups) == 150
    assert found.gaps == ()
    assert any("150 groups are too many" in problem for problem in found.problems)


def test_power_is_a_share_of_the_rows_or_of_what_the_metric_counts(store: Store) -> None:
    # 'few' has 4 % of the rows and 1 % of the positives; 'rich' 2 % of the rows and 20 % of the positives.
    size = {"few": 40, "rich": 20, "most": 940}
    positives = {"few": 1, "rich": 20, "most": 79}
    groups = np.repeat(list(size), list(size.values()))
    y = np.concatenate([np.arange(n) < positives[name] for name, n in size.items()]).astype(int)
    found = audited(store, pa.table({"g": groups}), (y, y, np.eye(2)[y]), sensitive=["g"], min_share=0.03)
    powered = {row.group: row.powered for row in found.groups}
    assert powered == {"few": True, "rich": False, "most": True}
    by_metric = {
        metric: {frozenset((gap.group_a, gap.group_b)) for gap in gaps(found, metric) if gap.powered}
        for metric in ("selection_rate", "true_positive_rate")
    }
    assert by_metric["selection_rate"] >= {frozenset(("few", "most"))}
    assert len(by_metric["true_positive_rate"]) == 3


def test_no_sensitive_column_is_an_audit_of_nobody(store: Store) -> None:
    found = audited(store, people(20), binary(20))
    assert (found.groups, found.gaps, found.problems) == ((), (), ())


def test_a_million_rows_are_audited_in_seconds(store: Store) -> None:
    table, ours = people(1_000_000), predictions(store, *binary(1_000_000))
    people_ = snapshot(store, table)
    spec = AuditSpec.model_validate({"sensitive": ["sex", "race"], "crossings": [["sex", "race"]]})
    start = time.process_time()
    audit.audit(ours, people_, spec, store=store)
    assert time.process_time() - start < 10

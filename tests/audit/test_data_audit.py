"""The audit of the data finds what was planted, leaves alone what is sound, and says what it cannot tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from scipy import stats
from scipy.spatial.distance import jensenshannon

from assay.artifacts import to_json
from assay.errors import DataError
from assay.spec.evidence import DataAuditSpec
from assay.store import Store
from tests.audit.prepared import audited, checks, people, spec, until_trained


def asked(**data: Any) -> Any:
    return spec(audit={"sensitive": ["sex"], "data": data})


def test_planted_label_bias_fails_and_fair_labels_pass(store: Store) -> None:
    bounds = asked(max_label_gap=0.1)
    assert checks(people(gap=0.2), bounds, store, "label bias")["sex: Female"].verdict == "FAIL"
    assert checks(people(gap=0.0), bounds, store, "label bias")["sex: Female"].verdict == "PASS"
    assert checks(people(gap=0.1), bounds, store, "label bias")["sex: Female"].verdict == "INCONCLUSIVE"


def test_measures_of_label_bias_equal_scipys(store: Store) -> None:
    table, ours = people(gap=0.2, women=0.3), asked(strata="town")
    (row,) = audited(table, ours, store)[0].label_bias
    _, folds, _ = until_trained(table, ours, store)
    frame = table.take(pa.array(store.array(folds.train.rows))).to_pandas()
    group, rest = (frame[frame.sex == sex].y.value_counts(normalize=True) for sex in ("Female", "Male"))
    p, q = (np.array([each["no"], each["yes"]]) for each in (rest, group))
    cddl = sum(
        (
            (part[part.y == "no"].sex == "Female").mean() * len(part)
            - (part[part.y == "yes"].sex == "Female").mean() * len(part)
        )
        for _, part in frame.groupby("town")
    ) / len(frame)
    expected = {
        "CI": 1 - 2 * (frame.sex == "Female").mean(),
        "DPL": rest["yes"] - group["yes"],
        "KL": stats.entropy(p, q),
        "JS": jensenshannon(p, q) ** 2,
        "LP": np.linalg.norm(p - q),
        "TVD": np.abs(p - q).sum() / 2,
        "KS": np.abs(p - q).max(),
        "CDDL": cddl,
    }
    found = {name: interval for name, interval, _ in row.measures}
    assert {name: interval.value for name, interval in found.items()} == pytest.approx(expected, abs=1e-12)
    assert all(interval.low <= interval.value <= interval.high for interval in found.values())


def test_intervals_of_label_bias_cover_the_truth_as_often_as_they_say(store: Store) -> None:
    from assay.audit._label_bias import _measured

    rng, truth = np.random.default_rng(0), np.array([[[0.3], [0.2]], [[0.35], [0.15]]])
    true_gap = 0.2 / 0.5 - 0.15 / 0.5
    covered = 0
    for _ in range(200):
        drawn = rng.multinomial(1000, truth.ravel()).reshape(truth.shape)
        (interval,) = (each for name, each, _ in _measured(drawn, (1,)) if name == "DPL")
        covered += interval.low <= true_gap <= interval.high
    assert covered / 200 == pytest.approx(0.95, abs=0.045)


def test_a_planted_proxy_is_found_and_named_and_noise_is_none(store: Store) -> None:
    table = people()
    rng = np.random.default_rng(1)
    leaks = np.where(rng.random(table.num_rows) < 0.9, table["sex"].to_pandas() == "Female", rng.random() < 0.5)
    planted = table.append_column("club", pa.array(np.where(leaks, "rowing", "chess")))
    bound = asked(max_proxy_auc=0.7)
    found = checks(planted, bound, store, "proxy")["sex"]
    assert found.verdict == "FAIL"
    assert "most by club" in found.reason
    assert checks(table, bound, store, "proxy")["sex"].verdict == "PASS"


def test_sex_on_adult_is_given_away_by_the_other_features(adult: pa.Table, store: Store) -> None:
    ours = spec(
        target={"column": "income"},
        features={"exclude": ["fnlwgt"]},
        split={"by": "column", "column": "split", "train": "train", "test": "test"},
    )
    found = checks(adult, ours, store, "proxy")["sex"]
    assert found.value == pytest.approx(0.936, abs=0.01)
    assert "relationship" in found.reason


def test_planted_duplicates_across_folds_are_found(store: Store) -> None:
    table = people(n_rows=900)
    train = table.filter(pa.array([fold == "train" for fold in table["fold"].to_pylist()])).slice(0, 60)
    again = train.set_column(train.column_names.index("fold"), "fold", pa.array(["test"] * 60))
    found = checks(pa.concat_tables([table, again]), asked(max_duplicates=0.05), store, "duplicates")
    assert found["train/test"].verdict == "FAIL"
    assert found["train/test"].value == pytest.approx(60 / 360, abs=0.03)  # a tenth of the train rows went to valid
    assert checks(table, asked(max_duplicates=0.05), store, "duplicates")["train/test"].verdict == "PASS"


def test_who_is_missing_from_the_population_is_told(store: Store) -> None:
    reference = {"sex": {"Female": 0.5, "Male": 0.45, "Diverse": 0.05}}
    found = checks(people(women=0.3), asked(reference=reference, max_share_gap=0.04), store, "representation")
    assert {about: check.verdict for about, check in found.items()} == {
        "sex: Female": "FAIL",
        "sex: Male": "FAIL",
        "sex: Diverse": "FAIL",
    }
    even = {"sex": {"Female": 0.45, "Male": 0.55}}
    sound = checks(people(), asked(reference=even, max_share_gap=0.04), store, "representation")
    assert {check.verdict for check in sound.values()} == {"PASS"}
    n_women = round(((sound["sex: Female"].value or 0) + 0.45) * 3601)
    low, high = stats.binomtest(n_women, 3601).proportion_ci(0.9, method="wilson")
    assert (sound["sex: Female"].low, sound["sex: Female"].high) == pytest.approx((low - 0.45, high - 0.45), abs=1e-3)
    with pytest.raises(ValidationError, match="add up to 1"):
        DataAuditSpec(reference={"sex": {"Female": 0.5}})


def test_a_reference_for_a_feature_that_is_not_audited_is_an_error_and_stops(store: Store) -> None:
    _, preflight = audited(people(), asked(reference={"race": {"a": 1.0}}), store)
    assert [(check.about, check.verdict) for check in preflight.stops] == [("race", "ERROR")]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["ann@example.org", "bob@example.com"], "e-mail"),
        (["+49 30 1234567", "(030) 765-4321"], "telephone"),
        (["4539 1488 0343 6467", "6011000990139424"], "payment card"),
        (["123-45-6789", "987-65-4321"], "social security"),
        (["DE89370400440532013000", "GB29NWBK60161331926819"], "IBAN"),
        (["10.0.0.1", "192.168.1.17"], "IP"),
    ],
)
def test_personal_data_are_recognised_and_never_shown(values: list[str], what: str, store: Store) -> None:
    table = people(n_rows=600)
    personal = table.append_column("contact", pa.array([values[i % 2] for i in range(600)]))
    found = checks(personal, asked(), store, "personal data")["contact"]
    assert found.verdict == "FAIL"
    assert what in found.reason
    assert values[0] not in found.reason
    declared = spec(personal=["contact"])
    assert list(checks(personal, declared, store, "personal data")) == ["all columns"]
    assert checks(table, asked(), store, "personal data")["all columns"].verdict == "PASS"


def test_k_and_l_are_those_of_the_groups_of_rows(store: Store) -> None:
    table, columns = people(n_rows=3000), ["sex", "age", "town"]
    table = table.set_column(2, "age", pa.array(np.asarray(table["age"]) // 20))
    classes = table.to_pandas().groupby(columns).y.agg(["size", "nunique"])
    k, ell = int(classes["size"].min()), int(classes["nunique"].min())
    ours = asked(quasi_identifiers=columns, min_k=k, min_l=ell + 1)
    assert checks(table, ours, store, "k-anonymity")[", ".join(columns)].verdict == "PASS"
    assert checks(table, ours, store, "k-anonymity")[", ".join(columns)].value == k
    assert checks(table, ours, store, "l-diversity")[", ".join(columns)].verdict == "FAIL"
    stricter = asked(quasi_identifiers=columns, min_k=k + 1)
    assert checks(table, stricter, store, "k-anonymity")[", ".join(columns)].verdict == "FAIL"
    unknown = asked(quasi_identifiers=["sex", "shoe"], min_k=2)
    assert checks(table, unknown, store, "k-anonymity")["sex, shoe"].verdict == "ERROR"


def test_the_order_of_the_rows_changes_nothing(store: Store) -> None:
    table = people(gap=0.1, n_rows=2000)
    income = np.asarray(table["income"])
    fold = np.where(income > 55, "test", np.where(income < 40, "valid", "train"))
    table = table.set_column(5, "fold", pa.array(fold))
    split = {"by": "column", "column": "fold", "train": "train", "valid": "valid", "test": "test"}
    ours = spec(
        split=split, audit={"sensitive": ["sex"], "data": {"quasi_identifiers": ["sex", "town"], "strata": "town"}}
    )
    moved = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    assert to_json(audited(table, ours, store)) == to_json(audited(moved, ours, store))


def test_an_all_null_group_and_a_single_group_never_pass(store: Store) -> None:
    table = people(n_rows=1200)
    null = table.set_column(0, "sex", pa.nulls(1200, pa.string()))
    single = table.set_column(0, "sex", pa.array(["Female"] * 1200))
    gate = {"gate": "max_disparity", "metric": "selection_rate", "sensitive": "sex", "tolerance": 0.1}
    for each in (null, single):
        _, preflight = audited(each, spec(gates=[gate]), store)
        about_sex = [check for check in preflight.checks if check.check in ("proxy", "power", "label bias")]
        assert about_sex
        assert {check.verdict for check in about_sex} == {"INCONCLUSIVE"}


def test_a_missing_sensitive_column_is_an_error_that_names_the_nearest(store: Store) -> None:
    ours = spec(audit={"sensitive": ["sexx"], "data": {}})
    with pytest.raises(DataError, match="Did you mean 'sex'"):
        audited(people(n_rows=600), ours, store)


def test_regression_labels_are_compared_at_their_median(store: Store) -> None:
    table = people(n_rows=3000)
    y = np.asarray(table["income"]) + 20 * (np.asarray(table["sex"]) == "Male")
    ours = spec("regression", audit={"sensitive": ["sex"], "data": {"max_label_gap": 0.1}})
    found = checks(table.set_column(1, "y", pa.array(y)), ours, store, "label bias")["sex: Female"]
    assert found.verdict == "FAIL"
    assert "above the median" in found.reason

"""Each expectation against what pandas counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import entropy

from assay.errors import DataError
from assay.store import Store
from assay.validation import failure

from .conftest import Check, page

ADULT = Path(__file__).parents[2] / "examples" / "adult" / "adult.parquet"


@pytest.fixture(scope="module")
def adult() -> pa.Table:
    table = pq.read_table(ADULT)
    return pa.table({
        name: column.cast(pa.string()).dictionary_encode() if pa.types.is_large_string(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    })  # fmt: skip


@pytest.fixture(scope="module")
def frame(adult: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = adult.to_pandas()
    return frame


def test_all_that_hold_on_adult_hold(ask: Check, adult: pa.Table) -> None:
    report = ask(
        adult,
        {"type": "row_count", "min": 48_842, "max": 48_842},
        {"type": "columns", "values": adult.column_names},
        {"type": "type", "column": "age", "is": "integer"},
        {"type": "type", "column": "age", "is": "number"},
        {"type": "type", "column": "sex", "is": "string"},
        {"type": "not_null", "column": "sex"},
        {"type": "between", "column": "age", "min": 17, "max": 90},
        {"type": "in_set", "column": "sex", "values": ["Male", "Female"]},
        {"type": "regex", "column": "education", "pattern": "^[A-Z0-9]"},
        {"type": "distribution", "column": "sex", "reference": {"Male": 0.67, "Female": 0.33}, "max": 0.001},
    )
    assert report.passed
    assert [result.passed for result in report.results] == [True] * 10
    assert {result.n_unexpected for result in report.results} == {0}
    assert {result.n_checked for result in report.results} == {48_842}


def test_counts_of_what_does_not_hold_are_those_of_pandas(ask: Check, adult: pa.Table, frame: pd.DataFrame) -> None:
    report = ask(
        adult,
        {"type": "between", "column": "age", "min": 20, "max": 65},
        {"type": "in_set", "column": "workclass", "values": ["Private"]},
        {"type": "regex", "column": "occupation", "pattern": "-"},
        {"type": "unique", "column": "fnlwgt"},
        {"type": "not_null", "column": "occupation"},
        {"type": "type", "column": "education", "is": "number"},
    )
    known = frame["workclass"].dropna()
    expected = [
        (~frame["age"].between(20, 65)).sum(),
        (known != "Private").sum(),
        (~frame["occupation"].dropna().astype(str).str.contains("-")).sum(),
        frame["fnlwgt"].duplicated(keep=False).sum(),
        frame["occupation"].isna().sum(),
        len(frame),
    ]
    assert [result.n_unexpected for result in report.results] == expected
    assert report.results[1].n_checked == len(known)
    assert not report.passed
    assert all(1 <= len(result.examples) <= 5 for result in report.results if result.expectation != "not_null")
    assert report.results[4].examples == ()
    assert set(report.results[1].examples) <= set(known)


@pytest.mark.parametrize(("mostly", "passed"), [(0.94, True), (0.95, False)])
def test_mostly_is_the_share_of_rows_that_must_agree(
    ask: Check, adult: pa.Table, frame: pd.DataFrame, mostly: float, passed: bool
) -> None:
    assert 0.94 < frame["occupation"].notna().mean() < 0.95
    (result,) = ask(adult, {"type": "not_null", "column": "occupation", "mostly": mostly}).results
    assert result.passed is passed
    assert result.n_unexpected == frame["occupation"].isna().sum()


def test_a_table_in_several_pieces_is_counted_like_one(ask: Check) -> None:
    n = (1 << 19) * 2 + 1000  # three pieces
    values = np.arange(n) % 1000
    text = pa.array(["a", None, "b", "c"] * (n // 4)).dictionary_encode()
    table = pa.table({"x": values, "s": text})
    report = ask(
        table,
        {"type": "between", "column": "x", "min": 0, "max": 998, "mostly": 0.999},
        {"type": "between", "column": "x", "min": 0, "max": 997, "mostly": 0.999},
        {"type": "in_set", "column": "s", "values": ["a", "b"]},
        {"type": "unique", "column": "x"},
        {"type": "row_count", "max": n},
    )
    assert [result.passed for result in report.results] == [True, False, False, False, True]
    above = [(values > 998).sum(), (values > 997).sum()]
    assert [result.n_unexpected for result in report.results] == [*above, n // 4, n, 0]
    assert report.results[2].n_checked == n - text.null_count
    assert report.results[2].examples == ("c",)


@pytest.mark.parametrize("bound", [1e-4, 0.5])
def test_a_distribution_is_held_by_its_divergence(
    ask: Check, adult: pa.Table, frame: pd.DataFrame, bound: float
) -> None:
    reference = {"White": 0.7, "Black": 0.2, "Asian-Pac-Islander": 0.1}  # two levels are not named
    edges = [17, 25, 40, 60]  # some are older
    report = ask(
        adult,
        {"type": "distribution", "column": "race", "reference": reference, "max": bound},
        {"type": "distribution", "column": "age", "reference": edges, "max": bound},
    )
    shares = frame["race"].value_counts(normalize=True)
    tail = 1e-3
    named = [shares[level] for level in reference]
    others = [share for level, share in shares.items() if level not in reference]
    q = [share * (1 - tail) for share in reference.values()] + [tail / len(others)] * len(others)
    oracle = [entropy(named + others, q)]
    inside = np.histogram(frame["age"], edges)[0]
    observed = [0, *inside, len(frame) - inside.sum()]
    oracle.append(entropy(observed, [tail / 2, *[(1 - tail) / 3] * 3, tail / 2]))
    for result, divergence in zip(report.results, oracle, strict=True):
        assert result.observed == f"a distance of {divergence:.4g}"
        assert result.passed is bool(divergence <= bound)


def test_types_are_told_apart(ask: Check) -> None:
    table = pa.table({
        "whole": pa.array([1.0, None, 3.0]),
        "real": [1.0, 2.5, 3.0],
        "digits": pa.array(["1", "2", "3"]).dictionary_encode(),
        "mixed": pa.array(["1", "x", "3.5"]).dictionary_encode(),
        "when": pd.date_range("2020-01-01", periods=3, unit="us"),
        "flag": pa.array(["true", "false", None]).dictionary_encode(),
    })  # fmt: skip
    table = table.cast(table.schema.set(5, table.schema.field("flag").with_metadata({"was": "bool"})))
    asked = [
        ("whole", "integer", True, 0),
        ("real", "integer", False, 1),
        ("digits", "number", False, 3),
        ("digits", "string", True, 0),
        ("mixed", "number", False, 1),
        ("mixed", "datetime", False, 3),
        ("when", "datetime", True, 0),
        ("when", "number", False, 3),
        ("flag", "boolean", True, 0),
        ("flag", "string", False, 2),
        ("real", "string", False, 3),
    ]
    results = ask(table, *({"type": "type", "column": column, "is": kind} for column, kind, _, _ in asked)).results
    found = [(result.column, result.expected[5:], result.passed, result.n_unexpected) for result in results]
    assert found == asked
    assert results[4].examples == ("x",)


def test_sets_hold_numbers_booleans_and_text(ask: Check) -> None:
    table = pa.table({
        "n": [1, 2, 2],
        "b": pa.array(["true", "true", "false"]).dictionary_encode(),
        "s": pa.array(["1", "2", "x"]).dictionary_encode(),
    })  # fmt: skip
    results = ask(
        table,
        {"type": "in_set", "column": "n", "values": [1, 2]},
        {"type": "in_set", "column": "b", "values": [True, False]},
        {"type": "in_set", "column": "s", "values": [1, 2, "x"]},
        {"type": "in_set", "column": "n", "values": ["1"]},
        {"type": "distribution", "column": "n", "reference": {"1": 0.3333, "2": 0.6667}, "max": 1e-6},
    ).results
    assert [result.passed for result in results] == [True, True, True, False, True]
    assert results[3].examples == ("2",)


def test_a_warning_is_reported_and_does_not_fail(ask: Check, adult: pa.Table) -> None:
    report = ask(adult, {"type": "unique", "column": "age", "severity": "warn"})
    assert report.passed
    assert not report.results[0].passed


def test_a_column_of_nulls_holds_everything_but_not_null(ask: Check) -> None:
    table = pa.table({"x": pa.nulls(3, pa.float64()), "s": pa.nulls(3, pa.dictionary(pa.int8(), pa.string()))})
    results = ask(
        table,
        {"type": "between", "column": "x", "min": 0},
        {"type": "regex", "column": "s", "pattern": "a"},
        {"type": "in_set", "column": "s", "values": ["a"]},
        {"type": "not_null", "column": "x"},
    ).results
    assert [result.passed for result in results] == [True, True, True, False]
    assert [result.n_checked for result in results] == [0, 0, 0, 3]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "not_null", "column": "aeg"}, r"expectations\[1\] \(not_null\): .*no column 'aeg'.*Did you mean 'age'"),
    ({"type": "between", "column": "sex", "min": 0}, r"'sex' is categorical.*numeric column"),
    ({"type": "in_set", "column": "age", "values": ["old"]}, r"'old' is no number"),
    ({"type": "distribution", "column": "sex", "reference": [1, 2]}, r"'sex' is categorical"),
]  # fmt: skip


@pytest.mark.parametrize(("expectation", "message"), WRONG)
def test_an_expectation_that_makes_no_sense_is_told_before_anything_runs(
    ask: Check, adult: pa.Table, expectation: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        ask(adult, expectation)


def test_the_error_names_expectation_column_count_and_examples_of_all_that_failed(ask: Check, adult: pa.Table) -> None:
    report = ask(
        adult,
        {"type": "between", "column": "age", "min": 17, "max": 80},
        {"type": "in_set", "column": "sex", "values": ["Male"]},
        {"type": "unique", "column": "age", "severity": "warn"},
        {"type": "columns", "values": ["age", "height"]},
        {"type": "row_count", "max": 10},
    )
    lines = str(failure(report)).splitlines()
    assert lines[0] == "4 expectations of the data do not hold:"
    assert lines[1].startswith("- column 'age': between: expected values between 17 and 80; found otherwise in 148 of")
    assert re.search(r"Examples: (\d\d, ){2,4}\d\d\.$", lines[1])
    assert "16,192 of 48,842 rows (33.15%). Examples: Female." in lines[2]
    assert "missing: height" in lines[3]
    assert "not expected: " in lines[3]
    assert "expected at most 10 rows; found 48,842 rows" in lines[4]
    assert len(lines) == 5


def test_no_value_of_a_personal_column_is_shown(ask: Check, store: Store) -> None:
    secrets = pa.array([f"canary{i}" for i in range(50)]).dictionary_encode()
    report = ask(
        pa.table({"name": secrets, "n": [4242.0] * 50}),
        {"type": "regex", "column": "name", "pattern": "^x"},
        {"type": "in_set", "column": "name", "values": ["x"]},
        {"type": "type", "column": "name", "is": "number"},
        {"type": "between", "column": "n", "max": 1},
        {"type": "unique", "column": "n"},
        {"type": "distribution", "column": "name", "reference": {"x": 1.0}},
        personal=("name", "n"),
    )
    assert not any(result.passed for result in report.results)
    for text in (str(report), str(failure(report)), page(store, report)):
        assert "canary" not in text
        assert "4242" not in text

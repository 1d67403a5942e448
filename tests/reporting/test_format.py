from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.artifacts import Interval
from assay.reporting import _format


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.8684, "0.868"), (12.345, "12.35"), (523.44, "523.4"), (4321.0, "4,321"), (0.00042, "0.00042"), (0.0, "0.000"),
     (-0.25, "−0.250"), (1.5e-8, "1.5e−08"), (math.nan, "undefined"), (math.inf, "∞"), (-0.0000001, "−1.0e−07")],
)  # fmt: skip
def test_a_number_has_as_many_decimals_as_a_person_reads(value: float, written: str) -> None:
    if value == 12.345:
        assert _format.number(value) in ("12.35", "12.35", "12.34")  # either neighbour of a tie in binary
    else:
        assert _format.number(value) == written


def test_an_interval_has_the_same_decimals_throughout() -> None:
    assert _format.value_and_range(Interval(value=0.0081, low=0.005, high=0.0112)) == ("0.008", "[0.005, 0.011]")
    assert _format.estimate(0.8684, 0.8631, 0.8729) == "0.868 [0.863, 0.873]"
    assert _format.estimate(0.5) == "0.500"
    assert _format.estimate(None) == "–"


def test_a_value_that_misses_its_bound_by_little_is_not_written_like_the_bound() -> None:
    assert _format.numbers(0.10004, 0.1) == ["0.10004", "0.10000"]


@given(st.lists(st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-3), min_size=1, max_size=4))
def test_what_is_written_is_the_number_to_the_last_decimal_shown(values: list[float]) -> None:
    for value, written in zip(values, _format.numbers(*values), strict=True):
        places = len(written.partition(".")[2])
        assert float(written.replace(",", "").replace("−", "-")) == pytest.approx(value, abs=0.5000001 * 10**-places)


def test_counts_shares_sizes_and_names_are_for_people() -> None:
    assert _format.count(16_281) == "16,281"
    assert _format.percent(0.6667) == "66.7 %"
    assert [_format.size(n) for n in (812, 472_911, 5_142_880)] == ["812 bytes", "472.9 kB", "5.1 MB"]
    assert [_format.words(name) for name in ("roc_auc", "log_loss", "f1_macro", "r2")] == [
        "ROC AUC", "Log loss", "F1 macro", "R²",
    ]  # fmt: skip
    assert [_format.plural(n, "row") for n in (1, 2)] == ["1 row", "2 rows"]


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:S3CRET@host/db",
        "https://host/x?token=S3CRET&y=1",
        "password: S3CRET",
        "aws_secret_access_key=S3CRET",
    ],
)
def test_secrets_are_blotted_out(text: str) -> None:
    cleaned = _format.without_secrets(text)
    assert "S3CRET" not in cleaned
    assert "•••" in cleaned
    assert _format.without_secrets("path: adult.parquet\nat: 10:30") == "path: adult.parquet\nat: 10:30"


def test_a_column_has_the_same_decimals_whatever_is_in_it() -> None:
    assert _format.column([0.5, 0.00042, -0.00001]) == ["0.5000", "0.0004", "0.0000"]
    assert _format.column([0.5, 0.25]) == ["0.500", "0.250"]
    assert _format.column([1234.5, 0.25, math.nan]) == ["1,234", "0", "undefined"]
    assert _format.column([]) == []


def test_numbers_of_other_units_keep_their_own_decimals_in_a_column() -> None:
    rmse, r2 = Interval(value=523.4, low=500.0, high=540.0), Interval(value=0.98, low=0.97, high=0.99)
    assert _format.values_and_ranges([rmse, r2]) == [("523.4", "[500.0, 540.0]"), ("0.980", "[0.970, 0.990]")]


def test_what_differs_by_the_noise_of_floats_is_written_the_same() -> None:
    assert _format.numbers(1.0, 0.72, 1.0 - 1e-12) == ["1.000", "0.720", "1.000"]

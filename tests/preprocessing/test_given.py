"""A few rows as plain values are encoded to the bit as a table of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.preprocessing._given import Value, as_table, wire

RNG = np.random.default_rng(5)
N = 600
TIMES = RNG.integers(0, 2**31, N)
TABLE = pa.table(
    {
        "x": pa.array(np.where(RNG.random(N) < 0.1, np.nan, RNG.lognormal(size=N)), from_pandas=True),
        "k": RNG.integers(-50, 50, N),
        "c": pa.array(RNG.choice([*"abcdefgh", "rare", None], N, p=[0.12] * 8 + [0.005, 0.035])),
        "flag": pa.array(RNG.random(N) < 0.4),
        "t": pa.array(TIMES, pa.timestamp("s")),
        "z": pa.array(TIMES, pa.timestamp("us", "America/New_York")),
        "code": RNG.integers(0, 5, N),
        "step": RNG.choice([0.5, 1.0, 1e20, 2.25], N),
        "y": RNG.choice(["no", "yes"], N),
    }
)
SPECS: dict[str, dict[str, Any]] = {
    "quantile": {"create": [{"name": "r", "ratio": ["x", "k"]}, {"name": "b", "bins": {"column": "k", "n": 5}}]},
    "log": {"numeric": {"scale": "standard", "log": True, "clip": [0.01, 0.99], "impute": "mean"}},
    "pca": {"numeric": {"scale": "robust"}, "pca": {"n_components": 3}},
}
AS_CATEGORIES = {"code": {"kind": "categorical"}, "step": {"kind": "categorical"}}
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
instants = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))
zoned = instants.flatmap(
    lambda t: st.sampled_from([UTC, timezone(timedelta(hours=-7))]).map(lambda z: t.replace(tzinfo=z))
)
rows = st.fixed_dictionaries(
    {
        "x": numbers,
        "k": numbers,
        "c": st.none() | st.sampled_from([*"abcdefgh", "rare", "new"]) | st.text(max_size=5),
        "flag": st.none() | st.booleans(),
        "t": st.none() | instants | zoned,
        "z": st.none() | instants | zoned,
        "code": st.none() | st.integers(0, 6) | st.integers(-(2**63), 2**63 - 1),
        "step": st.none() | st.sampled_from([0.5, 1.0, 1, 1e20, 2.25, -0.0]) | st.floats(allow_nan=False),
    }
)


@pytest.fixture(params=sorted(SPECS))
def fitted(request: pytest.FixtureRequest, fit: Any) -> Any:
    return fit(TABLE, SPECS[request.param] | {"columns": AS_CATEGORIES})


@given(given_rows=st.lists(rows, min_size=1, max_size=3))
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_rows_are_encoded_to_the_bit_as_a_table_of_them(fitted: Any, given_rows: list[dict[str, Value]]) -> None:
    encoder = fitted.encoder
    numeric, codes, counts = encoder.rows(given_rows)
    expected_numeric, expected_codes, expected_counts = encoder.counted(as_table(given_rows, fitted.prepared.inputs))
    assert numeric.tobytes() == expected_numeric.tobytes()
    assert codes.tobytes() == expected_codes.tobytes()
    assert (numeric.dtype, codes.dtype, counts) == (expected_numeric.dtype, expected_codes.dtype, expected_counts)


def test_rows_of_the_training_table_are_encoded_as_in_training(fitted: Any) -> None:
    rows = TABLE.drop_columns("y").to_pylist()
    numeric, codes, counts = fitted.encoder.rows(rows)
    expected_numeric, expected_codes, expected_counts = fitted.encoder.counted(TABLE)
    assert numeric.tobytes() == expected_numeric.tobytes()
    assert codes.tobytes() == expected_codes.tobytes()
    assert counts == expected_counts


def test_every_kind_of_column_says_how_its_values_are_given(fitted: Any) -> None:
    kinds = {column.name: wire(column) for column in fitted.prepared.inputs}
    assert {kinds[name] for name in ("x", "k", "step")} == {"number"}
    assert [kinds[name] for name in ("c", "flag", "t", "z", "code")] == ["text", "boolean", "time", "time", "integer"]


def test_text_that_is_read_as_numbers_is_encoded_the_same(fit: Any) -> None:
    table = pa.table({"n": ["1", "2.5", "x", None] * 50, "y": ["no", "yes"] * 100})
    found = fit(table, {"columns": {"n": {"kind": "numeric"}}})
    rows: list[dict[str, Value]] = [{"n": text} for text in ("3", "1e3", "inf", "nothing", None)]
    numeric, _, counts = found.encoder.rows(rows)
    expected, _, expected_counts = found.encoder.counted(as_table(rows, found.prepared.inputs))
    assert numeric.tobytes() == expected.tobytes()
    assert counts == expected_counts


def test_one_row_is_encoded_sooner_than_a_table_of_it(fit: Any) -> None:
    encoder = fit(TABLE, SPECS["quantile"]).encoder
    row = TABLE.drop_columns("y").slice(3, 1)
    plain = row.to_pylist()

    def median_s(call: Any) -> float:
        times = []
        for _ in range(200):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return float(np.median(times))

    assert median_s(lambda: encoder.rows(plain)) < 0.8 * median_s(lambda: encoder.counted(row))

"""Whatever stands in valid or test rows, and wherever they stand, what is learned from training rows is the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.artifacts import to_json

N_TRAIN = 60
LEVELS = ["red", "green", "blue", "ultra"]
SPEC: dict[str, Any] = {
    "numeric": {"clip": [0.01, 0.99]},
    "categorical": {"min_count": 3, "max_levels": 3},
    "create": [
        {"name": "ratio", "ratio": ["x", "k"]},
        {"name": "bins", "bins": {"column": "x", "n": 4}},
    ],
    "columns": {"text": {"kind": "numeric"}, "k": {"scale": "robust", "impute": "mean"}},
}
REDUCED = SPEC | {"select": {"top_mutual_information": 6, "max_correlation": 0.95, "min_variance": 0.01}}
SPECS = [SPEC, REDUCED, SPEC | {"pca": {"n_components": 0.9}}]

floats = st.floats(allow_nan=True, allow_infinity=True) | st.none()
other_row = st.fixed_dictionaries(
    {
        "x": floats,
        "k": st.integers(-(2**62), 2**62) | st.none(),
        "c": st.sampled_from([*LEVELS, None]) | st.text(max_size=3),
        "text": st.sampled_from(["1", "0.5", "none"]) | st.text(max_size=3),
        "t": st.datetimes() | st.none(),
        "y": st.sampled_from(["no", "yes"]) | st.text(max_size=3),
    }
)


def train_rows() -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=N_TRAIN)
    return [
        {
            "x": None if i % 9 == 0 else float(x[i]),
            "k": int(rng.integers(0, 9)),
            "c": None if i % 11 == 0 else str(rng.choice(LEVELS, p=[0.5, 0.3, 0.17, 0.03])),
            "text": str(int(rng.integers(0, 4))),
            "t": datetime(2020, 1, 1 + i % 28, i % 24) if i % 7 else None,
            "y": "yes" if x[i] + rng.normal() > 0 else "no",
        }
        for i in range(N_TRAIN)
    ]


SCHEMA = pa.schema(
    [
        ("x", pa.float64()),
        ("k", pa.int64()),
        ("c", pa.string()),
        ("text", pa.string()),
        ("t", pa.timestamp("us")),
        ("y", pa.string()),
    ]
)


@pytest.mark.parametrize("spec", SPECS, ids=["plain", "selection", "pca"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(others=st.lists(other_row, max_size=25), seed=st.integers(0, 2**32 - 1))
def test_what_is_learned_does_not_hang_on_other_rows(
    fit: Any, spec: dict[str, Any], others: list[dict[str, Any]], seed: int
) -> None:
    train = train_rows()
    places = np.random.default_rng(seed).permutation(len(train) + len(others)) < len(train)
    remaining, rest = iter(train), iter(others)
    mixed = [next(remaining) if is_train else next(rest) for is_train in places]
    alone = fit(pa.Table.from_pylist(train, SCHEMA), spec)
    among_others = fit(pa.Table.from_pylist(mixed, SCHEMA), spec, rows=np.flatnonzero(places))
    assert to_json(among_others.prepared) == to_json(alone.prepared)
    encoded = [among_others.encoder.features(f.store.rows(f.train)) for f in (alone, among_others)]
    for a, b in zip(*encoded, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_learned_does_not_hang_on_the_order_of_training_rows(fit: Any, seed: int) -> None:
    rows = train_rows()
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    first, second = (fit(pa.Table.from_pylist(table, SCHEMA), SPEC).prepared for table in (rows, shuffled))
    assert to_json(first) == to_json(second)


def test_what_is_learned_does_hang_on_training_rows(fit: Any) -> None:
    rows = train_rows()
    before = fit(pa.Table.from_pylist(rows, SCHEMA), SPEC).prepared
    rows[3] |= {"x": 40.0, "k": 40}
    after = fit(pa.Table.from_pylist(rows, SCHEMA), SPEC).prepared
    assert before.state.sha256 != after.state.sha256
    assert before.arrays.sha256 != after.arrays.sha256
    assert before.knots.sha256 != after.knots.sha256

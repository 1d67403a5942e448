"""What the spec asks of columns that cannot do it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.errors import DataError

TABLE = pa.table({"age": np.arange(40.0), "job": ["a", "b"] * 20})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"columns": {"aeg": {"scale": "none"}}},
            r"preprocessing\.columns\.aeg: 'aeg' is no feature\. Allowed: age, job\. Did you mean 'age'\?",
        ),
        (
            {"columns": {"job": {"scale": "none"}}},
            r"preprocessing\.columns\.job\.scale: 'job' is categorical\. Allowed: encode, kind, max_levels, min_count",
        ),
        (
            {"columns": {"age": {"encode": "onehot"}}},
            r"columns\.age\.encode: 'age' is numeric\. Allowed: clip, fill, impute",
        ),
        (
            {"create": [{"name": "r", "ratio": ["age", "job"]}]},
            r"create\.r: 'job' is no numeric feature\. Allowed: age",
        ),
        (
            {"create": [{"name": "b", "bins": {"column": "y", "n": 3}}]},
            r"create\.b: 'y' is no numeric feature",  # else the target would leak in
        ),
        (
            {"create": [{"name": "job", "product": ["age", "age"]}]},
            r"create\.job: the name is taken",
        ),
        (
            {"columns": {"age": {"kind": "datetime"}}},
            r"'age': a datetime column of the type double\. Allowed: time, text",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_an_error_that_says_what_fits(fit: Any, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit(TABLE, spec)


def test_all_mistakes_are_reported_at_once(fit: Any) -> None:
    spec = {"columns": {"aeg": {}, "job": {"log": True}}, "create": [{"name": "r", "ratio": ["jbo", "age"]}]}
    with pytest.raises(DataError) as error:
        fit(TABLE, spec)
    assert len(str(error.value).splitlines()) == 3


def test_two_features_of_one_name_are_an_error(fit: Any) -> None:
    table = pa.table({"x": [1.0, None, 3.0], "x.missing": [1, 2, 3]})
    with pytest.raises(DataError, match=r"two features are called 'x\.missing'"):
        fit(table)


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        (pa.array([[1], [2]]), r"one such column, named by `preprocessing\.series\.column`"),
        (pa.array([b"a", b"b"], pa.large_binary()), r"one such column, named by `preprocessing\.image\.column`"),
        (pa.array([{"a": 1}, {"a": 2}]), "text, number, boolean, time"),
    ],
)
def test_lists_bytes_and_structs_are_refused_with_what_to_write(fit: Any, values: pa.Array, allowed: str) -> None:
    with pytest.raises(DataError, match=rf"Allowed: {allowed}\. .*exclude: \[v\]"):
        fit(pa.table({"v": values}))


def test_a_table_without_any_useful_column_is_an_error_that_says_why(fit: Any) -> None:
    data = {"x": [1, 1, 1], "job": ["a", "b", "c"]}
    with pytest.raises(DataError) as error:
        fit(data, {"columns": {"job": {"kind": "numeric"}}})
    assert str(error.value).splitlines() == [
        "no feature is left. Allowed: at least one column that varies.",
        "'x' is left out: it has the same value in all training rows.",
        "'job': 3 values are infinite, too large for float32 or no numbers; they count as missing.",
        "'job' is left out: it has no usable value in the training rows.",
    ]

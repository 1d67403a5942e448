"""Features made from raw columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import KBinsDiscretizer

PLAIN = {"numeric": {"scale": "none"}}


def test_ratio_and_product_are_of_raw_values_and_missing_where_they_have_no_value(fit: Any) -> None:
    create = [{"name": "r", "ratio": ["a", "b"]}, {"name": "p", "product": ["a", "b"]}]
    found = fit({"a": [1.0, 4, 6, None, 0], "b": [2.0, 2, 0, 5, 0]}, PLAIN | {"create": create})
    values = found.numeric()
    np.testing.assert_array_equal(values["r"], [0.5, 2, 1.25, 1.25, 1.25])
    np.testing.assert_array_equal(values["r.missing"], [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(values["p"], [2, 8, 0, 1, 0])


def test_a_created_feature_follows_its_own_rule(fit: Any) -> None:
    spec = {"create": [{"name": "p", "product": ["a", "a"]}], "columns": {"p": {"scale": "minmax"}}}
    np.testing.assert_allclose(fit({"a": [1.0, 2, 3]}, spec).numeric()["p"], [0, 3 / 8, 1])


def test_bins_hold_their_lower_edge_as_in_pandas(fit: Any) -> None:
    spec = {"create": [{"name": "b", "bins": {"column": "a", "edges": [0, 10, 20]}}]}
    a = np.array([-5, 0, 9.9, 10, 19, 20, 99, np.nan])
    found = fit({"a": a}, spec)
    expected = pd.cut(a, [-np.inf, 0, 10, 20, np.inf], right=False, labels=False)
    np.testing.assert_array_equal(found.codes()["b"], np.where(np.isnan(a), 0, expected + 2))
    assert found.prepared.categorical[0].n_levels == 6


def test_n_bins_have_equally_many_training_rows_as_in_scikit_learn(fit: Any) -> None:
    a = np.random.default_rng(3).gamma(2, 2, 1003)
    spec = {"create": [{"name": "b", "bins": {"column": "a", "n": 7}}]}
    oracle = KBinsDiscretizer(7, encode="ordinal", strategy="quantile", quantile_method="linear")
    expected = oracle.fit(a[:900, None]).transform(a[:, None])[:, 0] + 2
    found = fit({"a": a}, spec, n_train=900)
    np.testing.assert_array_equal(found.codes()["b"], expected[:900])
    np.testing.assert_array_equal(found.codes("valid")["b"], expected[900:])


def test_inputs_hold_the_raw_columns_of_created_features_once(fit: Any) -> None:
    spec = {"create": [{"name": "r", "ratio": ["a", "b"]}], "select": {"max_correlation": 0.999}}
    found = fit({"a": [1.0, 2, 3, 5], "b": [2.0, 1, 3, 9], "k": [7, 7, 7, 7]}, spec)
    assert [column.name for column in found.prepared.inputs] == ["a", "b"]

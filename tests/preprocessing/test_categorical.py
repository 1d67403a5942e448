"""Categories: scikit-learn's OneHotEncoder says which levels are frequent and which row has which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from assay.preprocessing import _categorical
from assay.preprocessing._read import coded, to_levels
from assay.spec.preprocessing import CategoricalSpec


@given(
    values=st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=60),
    min_count=st.integers(1, 6),
    max_levels=st.integers(1, 12),
)
def test_levels_are_those_that_one_hot_encoding_keeps_apart(values: list[str], min_count: int, max_levels: int) -> None:
    column = to_levels(pa.array(values))
    rule = CategoricalSpec(min_count=min_count, max_levels=max_levels)
    found = _categorical.fit("c", column, rule)
    oracle = OneHotEncoder(min_frequency=min_count, sparse_output=False).fit(np.array(values)[:, None])
    rare = set() if oracle.infrequent_categories_[0] is None else set(oracle.infrequent_categories_[0])
    frequent = [level for level in oracle.categories_[0] if level not in rare]
    if isinstance(found, str):
        assert len(set(values)) == 1 or not frequent
        return
    assert isinstance(found.feature, _categorical.Levels)
    by_count = sorted(frequent, key=lambda level: (-values.count(level), level))[:max_levels]
    assert found.feature.levels == tuple(sorted(by_count))
    assert set(found.feature.rare) == set(map(_categorical.digest, set(values) - set(by_count)))
    codes = coded(column, _categorical.Lookup(found.feature).__getitem__)
    one_hot = np.eye(found.feature.n_levels)[codes]
    if len(by_count) == len(frequent):  # then the oracle makes the same columns, the rare ones last
        width = len(frequent)
        np.testing.assert_array_equal(one_hot[:, 2:], oracle.transform(np.array(values)[:, None])[:, :width])
    assert found.variance == pytest.approx(one_hot.var(axis=0).sum())


def test_missing_rare_and_unseen_levels_have_their_codes_and_are_counted(fit: Any) -> None:
    column = ["b"] * 12 + ["a"] * 11 + ["seldom", None, None] + ["seldom", "new", None, "a", "b", "other"]
    found = fit({"c": column}, n_train=26)
    assert found.prepared.categorical[0].n_levels == 4
    np.testing.assert_array_equal(found.codes()["c"], [3] * 12 + [2] * 11 + [1, 0, 0])
    np.testing.assert_array_equal(found.codes("valid")["c"], [1, 1, 0, 2, 3, 1])
    encoded = found.encode()
    assert (encoded.train.n_unseen, encoded.train.n_missing) == (0, 2)
    assert (encoded.valid.n_unseen, encoded.valid.n_missing) == (2, 1)


def test_the_state_does_not_hold_the_text_of_a_rare_level(fit: Any) -> None:
    found = fit({"c": ["common"] * 20 + ["Mrs. Robinson"]})
    state = found.store.read(found.prepared.state)
    assert b"common" in state
    assert b"Robinson" not in state


def test_codes_are_the_same_for_plain_texts_and_for_a_dictionary_in_any_order(fit: Any) -> None:
    found = fit({"c": ["x", "y", "z", None] * 10})
    plain = pa.table({"c": pa.array(["z", None, "new", "x"])})
    large = pa.table({"c": plain["c"].cast(pa.large_string())})
    indices = pa.array([1, None, 0, 3], pa.int8())
    shuffled = pa.DictionaryArray.from_arrays(indices, pa.array(["new", "z", "unused", "x", None]))
    many = pa.DictionaryArray.from_arrays(indices, pa.array(["new", "z", "", "x", *map(str, range(124))]))
    longer = pa.concat_arrays([many] * 32)  # more rows than levels, and more levels than int8 can count
    np.testing.assert_array_equal(found.encoder.features(pa.table({"c": longer}))[1][:, 0], [4, 0, 1, 2] * 32)
    for table in (plain, large, *(pa.table({"c": c}) for c in (shuffled, many, plain["c"].dictionary_encode()))):
        np.testing.assert_array_equal(found.encoder.features(table)[1][:, 0], [4, 0, 1, 2])


def test_a_missing_value_inside_a_dictionary_is_missing(fit: Any) -> None:
    found = fit({"c": ["x", "y"] * 10})
    hidden = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["x", None]))
    np.testing.assert_array_equal(found.encoder.features(pa.table({"c": hidden}))[1][:, 0], [2, 0])


def test_integers_and_booleans_are_levels_whatever_their_width(fit: Any) -> None:
    table = pa.table({"i": pa.array([1, 2, 1, 2] * 5, pa.int64()), "b": pa.array([True, False, None, True] * 5)})
    found = fit(table, {"columns": {"i": {"kind": "categorical", "min_count": 1}}, "categorical": {"min_count": 1}})
    as_floats = pa.table({"i": [2.0, float("nan"), 3.0], "b": pa.array([None, True, False])})
    np.testing.assert_array_equal(found.encoder.features(as_floats)[1], [[3, 0], [0, 3], [1, 2]])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["a"] * 40, "has one level"),
        ([str(i) for i in range(40)], "has no level that 10 training rows share"),
        (pa.nulls(40, pa.string()), "has no value in the training rows"),
    ],
)
def test_a_category_without_information_is_left_out_and_noted(fit: Any, values: Any, reason: str) -> None:
    found = fit({"c": values, "z": np.arange(40)})
    assert found.prepared.categorical == ()
    assert found.prepared.notes == (f"'c' is left out: it {reason}.",)
    assert found.codes() == {}


def test_the_only_level_and_missing_values_make_a_feature(fit: Any) -> None:
    found = fit({"c": ["a", None] * 20})
    assert set(found.codes()["c"]) == {0, 2}


def test_too_many_rare_levels_are_not_kept_and_the_note_says_so(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_categorical, "MAX_RARE", 3)
    found = fit({"c": ["a"] * 20 + ["r1", "r2", "r3", "r4"]})
    assert found.prepared.notes == ("'c' has 4 rare levels, too many to keep: they count as never seen.",)
    assert found.encode().train.n_unseen == 4
    assert set(found.codes()["c"]) == {1, 2}


def test_many_bins_need_wider_codes(fit: Any) -> None:
    bins = {"create": [{"name": "b", "bins": {"column": "x", "edges": [float(i) for i in range(33_000)]}}]}
    codes = fit({"x": [-1.0, 32_999.5]}, bins).codes()["b"]
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(codes, [2, 33_002])
    assert fit({"c": ["a", None] * 20}).codes()["c"].dtype == np.int16

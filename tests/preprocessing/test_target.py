"""The target: classes of the training rows, or a standardised number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import LabelEncoder

from assay.errors import DataError


def data(y: Any) -> dict[str, Any]:
    return {"x": np.arange(len(y)), "y": y}


def target(found: Any, fold: str = "train") -> np.ndarray:
    y: np.ndarray = found.arrays(getattr(found.encode(), fold))[2]
    return y


def test_classes_are_sorted_by_value_whatever_the_dictionary(fit: Any) -> None:
    y = ["b", "c", "a", "b", "b"]
    found = fit(data(y))
    np.testing.assert_array_equal(target(found), LabelEncoder().fit_transform(y))
    assert found.prepared.target.classes == ("a", "b", "c")
    assert found.prepared.target.class_counts == (1, 3, 1)
    assert found.prepared.target.positive is None
    assert target(found).dtype == np.int64


@pytest.mark.parametrize(
    ("y", "classes"),
    [([10, 9, 10], ("10", "9")), ([True, False, True], ("false", "true")), ([1.0, 2.0, 1.0], ("1", "2"))],
)
def test_numbers_and_booleans_are_classes_by_their_text(fit: Any, y: list[Any], classes: tuple[str, ...]) -> None:
    found = fit(data(y))
    assert found.prepared.target.classes == classes
    assert found.prepared.target.positive == classes.index(str(y[1]).lower().removesuffix(".0"))  # the rarer


def test_the_positive_class_is_the_rarer_unless_the_spec_names_it(fit: Any) -> None:
    y = ["no", "yes", "no", "no"]
    assert fit(data(y)).prepared.target.positive == 1
    assert fit(data(y), positive="no").prepared.target.positive == 0
    assert fit(data(["a", "b"])).prepared.target.positive == 1


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["no", "yes"], {"positive": "yse"}, r"'yse' is no class .* Allowed: 'no', 'yes'. Did you mean 'yes'"),
        (["a", "b", "c"], {"positive": "a"}, r"has 3 classes\. Allowed: a positive class in binary tasks only"),
        (["a", "a"], {}, r"has one class in the training rows, 'a'"),
        (["a", None, "b"], {}, r"1 values are missing\. Allowed: a class in every row"),
        (np.arange(1001.0), {}, r"1001 different numbers as classes.*Write `task: regression`"),
        (pa.array([[1], [2]]), {}, r"has the type list.*Allowed: texts"),
        (["a", "b"], {"task": "regression"}, r"Allowed in regression: numbers"),
        ([2.0, 2.0], {"task": "regression"}, r"has the same value in all training rows"),
        ([1.0, np.inf, None], {"task": "regression"}, r"2 values are missing or infinite"),
        ([0.0, -1.0], {"task": "regression", "log": True}, r"1 values are -1 or less"),
    ],
)
def test_a_target_that_cannot_be_learned_is_an_error(fit: Any, y: Any, options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit(data(y), **options)


def test_a_class_that_only_the_valid_rows_have_is_an_error(fit: Any) -> None:
    found = fit(data(["a", "b", "a", "c", "d"]), n_train=3)
    with pytest.raises(DataError, match=r"no training row has the class 'c', 'd'\. Allowed: 'a', 'b'"):
        found.encode()


def test_no_rows_at_all_is_an_error(fit: Any) -> None:
    with pytest.raises(DataError, match="the train fold has no rows"):
        fit(data(["a", "b"]), n_train=0)


@pytest.mark.parametrize("log", [False, True])
def test_a_number_is_standardised_over_training_rows_and_comes_back_in_its_units(fit: Any, log: bool) -> None:
    y = np.random.default_rng(0).lognormal(3, 1, 200)
    found = fit(data(y), task="regression", log=log, n_train=150)
    shaped = np.log1p(y) if log else y
    expected = (shaped - shaped[:150].mean()) / shaped[:150].std()
    np.testing.assert_allclose(target(found), expected[:150], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(target(found, "valid"), expected[150:], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.encoder.to_units(target(found)), y[:150], rtol=1e-5)
    assert target(found).dtype == np.float32
    assert found.encoder.to_units(np.zeros((3, 2))).shape == (3, 2)

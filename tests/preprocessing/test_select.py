"""Selection and PCA: scikit-learn and numpy are the oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, VarianceThreshold, mutual_info_classif, mutual_info_regression

from assay.errors import DataError
from assay.preprocessing import _encode
from assay.preprocessing._numeric import N_KNOTS
from assay.preprocessing._select import moments

RNG = np.random.default_rng(11)
N = 600
Z = RNG.normal(size=(N, 4))
DATA = {
    "a": Z[:, 0],
    "b": Z[:, 0] * 2 + 0.1 * Z[:, 1],
    "c": 0.02 * Z[:, 2],
    "d": 5 + Z[:, 3] + Z[:, 0],
    "e": np.where(Z[:, 0] > 0, "hi", "lo"),
    "f": RNG.choice(["p", "q"], N),
    "y": np.where(Z[:, 0] + 0.3 * Z[:, 3] > 0, "yes", "no"),
}
NUMERIC = ("a", "b", "c", "d")
X = np.stack([DATA[name] for name in NUMERIC], axis=1)


def test_variance_is_that_of_the_units_before_scaling(fit: Any) -> None:
    found = fit(DATA, {"select": {"min_variance": 0.01}})
    kept = VarianceThreshold(0.01).fit(X).get_support()
    assert found.prepared.numeric == tuple(np.array(NUMERIC)[kept])
    assert found.prepared.notes == ("left out by select.min_variance: 'c'.",)


def test_of_two_correlated_features_the_earlier_stays(fit: Any) -> None:
    found = fit(DATA, {"numeric": {"scale": "standard"}, "select": {"max_correlation": 0.9}})
    assert np.corrcoef(X.T)[0, 1] > 0.9 > np.corrcoef(X.T)[0, 3]
    assert found.prepared.numeric == ("a", "c", "d")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_features_with_the_most_mutual_information_stay(fit: Any, task: Any) -> None:
    data = DATA | ({"y": np.exp(DATA["a"]) + DATA["d"]} if task == "regression" else {})
    found = fit(data, {"numeric": {"scale": "standard"}, "select": {"top_mutual_information": 3}}, task=task)
    whole = fit(data, {"numeric": {"scale": "standard"}}, task=task)
    numeric, codes, y = whole.arrays(whole.encode().train)
    score = mutual_info_classif if task == "classification" else mutual_info_regression
    oracle = SelectKBest(lambda x, y: score(x, y, discrete_features=[False] * 4 + [True] * 2, random_state=0), k=3).fit(
        np.c_[numeric.astype(float), codes], y
    )
    kept = {name for name, keep in zip((*NUMERIC, "e", "f"), oracle.get_support(), strict=True) if keep}
    assert {*found.prepared.numeric, *(feature.name for feature in found.prepared.categorical)} == kept
    assert {column.name for column in found.prepared.inputs} == kept
    assert set(found.knots) == kept & set(NUMERIC)


def test_a_selection_that_leaves_nothing_is_an_error(fit: Any) -> None:
    with pytest.raises(DataError, match=r"select\.min_variance leaves no feature"):
        fit(DATA, {"select": {"min_variance": 1e9}})


@pytest.mark.parametrize("n_components", [2, 4, 0.9, 0.99, 1.0])
def test_components_are_those_of_scikit_learn(fit: Any, n_components: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_encode, "BATCH_ROWS", 97)  # several batches
    spec = {"numeric": {"scale": "standard"}, "pca": {"n_components": n_components}}
    found = fit(DATA, spec, n_train=500)
    scaled = (X - X[:500].mean(axis=0)) / X[:500].std(axis=0)
    oracle = PCA(n_components if n_components < 1 else int(n_components if n_components > 1 else 4), svd_solver="full")
    expected = oracle.fit(scaled[:500]).transform(scaled)
    assert found.prepared.numeric == tuple(f"pca_{i + 1}" for i in range(expected.shape[1]))
    np.testing.assert_allclose(np.stack([*found.numeric().values()], axis=1), expected[:500], atol=1e-4)
    np.testing.assert_allclose(np.stack([*found.numeric("valid").values()], axis=1), expected[500:], atol=1e-4)
    knots = np.quantile(expected[:500], np.linspace(0, 1, N_KNOTS), axis=0)
    np.testing.assert_allclose(np.stack([*found.knots.values()], axis=1), knots, atol=1e-4)
    assert len(found.prepared.categorical) == 2


def test_more_components_than_features_is_an_error(fit: Any) -> None:
    with pytest.raises(DataError, match=r"Allowed: a count from 1 to 4, or a share"):
        fit(DATA, {"pca": {"n_components": 5}})


def test_moments_keep_their_digits_beside_a_large_offset() -> None:
    x = (1e4 + RNG.normal(size=(1000, 3))).astype(np.float32)
    mean, covariance = moments([x[:10], x[10:700], x[700:]])
    np.testing.assert_allclose(mean, x.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(x.astype(float).T), rtol=1e-9, atol=1e-12)

"""Numbers: scikit-learn is the oracle of every impute and scale rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from assay.preprocessing._numeric import N_KNOTS

RNG = np.random.default_rng(7)
X = np.where(RNG.random(500) < 0.1, np.nan, RNG.lognormal(1, 1, 500).round(1))
PLAIN = {"scale": "none", "indicator": False}
STRATEGY = {"median": "median", "mean": "mean", "mode": "most_frequent", "constant": "constant"}


def imputed(strategy: str = "median") -> np.ndarray:
    x: np.ndarray = SimpleImputer(strategy=strategy, fill_value=-3.5).fit_transform(X[:, None])
    return x


@pytest.mark.parametrize("impute", list(STRATEGY))
def test_missing_numbers_are_filled_as_scikit_learn_fills_them(fit: Any, impute: str) -> None:
    found = fit({"x": X}, {"numeric": PLAIN | {"impute": impute, "fill": -3.5}})
    np.testing.assert_allclose(found.numeric()["x"], imputed(STRATEGY[impute])[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "oracle"), [("standard", StandardScaler()), ("robust", RobustScaler()), ("minmax", MinMaxScaler())]
)
def test_numbers_are_scaled_as_scikit_learn_scales_them(fit: Any, scale: str, oracle: Any) -> None:
    found = fit({"x": X}, {"numeric": {"scale": scale, "indicator": False}})
    np.testing.assert_allclose(found.numeric()["x"], oracle.fit_transform(imputed())[:, 0], rtol=1e-5, atol=1e-6)


def test_quantile_scale_gives_the_normal_scores_of_scikit_learn_inside_the_range(fit: Any) -> None:
    x = RNG.gamma(2, 3, 20_000)
    found = fit({"x": x}, {"numeric": {"scale": "quantile"}}).numeric()["x"]
    oracle = QuantileTransformer(n_quantiles=1000, output_distribution="normal", subsample=None)
    expected = oracle.fit_transform(x[:, None])[:, 0]
    inside = np.abs(expected) < norm.isf(0.005)  # in the last knots scikit-learn goes to +-5.2
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.01)
    assert np.abs(norm.cdf(found) - norm.cdf(expected)).max() < 1e-3


def test_a_heavy_tie_lands_on_the_normal_score_of_its_middle_rank(fit: Any) -> None:
    x = np.r_[np.zeros(900), np.arange(1.0, 101)]
    found = fit({"x": x}, {"numeric": {"scale": "quantile"}}).numeric()["x"]
    assert found[0] == pytest.approx(norm.ppf(0.45), abs=2e-3)
    assert found[-1] == pytest.approx(norm.ppf(1 - 0.5 / 1000), abs=1e-4)
    assert (np.diff(found) >= 0).all()


def test_clip_uses_quantiles_of_the_training_rows_and_holds_for_others(fit: Any) -> None:
    x = np.r_[RNG.normal(size=400), [1e9, -1e9]]
    found = fit({"x": x}, {"numeric": PLAIN | {"clip": [0.05, 0.9]}}, n_train=400)
    low, high = np.quantile(x[:400], [0.05, 0.9])
    np.testing.assert_allclose(found.numeric()["x"], np.clip(x[:400], low, high), rtol=1e-6)
    np.testing.assert_allclose(found.numeric("valid")["x"], [high, low], rtol=1e-6)


def test_log_keeps_the_sign(fit: Any) -> None:
    x = np.array([-100.0, -1, 0, 1, 1e6])
    found = fit({"x": x}, {"numeric": PLAIN | {"log": True}}).numeric()["x"]
    np.testing.assert_allclose(found, np.sign(x) * np.log(1 + np.abs(x)), rtol=1e-6)


def test_clip_log_and_scale_follow_one_another(fit: Any) -> None:
    found = fit({"x": X}, {"numeric": {"clip": [0.02, 0.98], "log": True, "scale": "standard", "indicator": False}})
    x = np.clip(imputed(), *np.nanquantile(X, [0.02, 0.98]))
    expected = StandardScaler().fit_transform(np.log1p(x))[:, 0]
    np.testing.assert_allclose(found.numeric()["x"], expected, rtol=1e-5, atol=1e-6)


def test_an_indicator_stands_beside_a_column_with_missing_values_only(fit: Any) -> None:
    found = fit({"x": X, "full": RNG.normal(size=500)})
    expected = MissingIndicator().fit_transform(np.c_[X, np.ones(500)])[:, 0]
    assert found.prepared.numeric == ("x", "full", "x.missing")
    np.testing.assert_array_equal(found.numeric()["x.missing"], expected)


@pytest.mark.parametrize("scale", ["quantile", "standard", "robust", "minmax", "none"])
def test_knots_are_quantiles_of_what_comes_out(fit: Any, scale: str) -> None:
    found = fit({"x": X}, {"numeric": {"scale": scale, "clip": [0, 0.99], "log": True}})
    for name, values in found.numeric().items():
        expected = np.quantile(values.astype(float), np.linspace(0, 1, found.knots[name].size))
        np.testing.assert_allclose(found.knots[name], expected, rtol=1e-5, atol=1e-6)
    assert found.knots["x"].size == N_KNOTS


def test_infinities_and_numbers_beyond_float32_count_as_missing_and_are_noted(fit: Any) -> None:
    found = fit({"x": [1.0, 2.0, 3.0, np.inf, -np.inf, 1e300, np.nan, None]}, {"numeric": PLAIN})
    np.testing.assert_array_equal(found.numeric()["x"], [1, 2, 3, 2, 2, 2, 2, 2])
    assert found.encode().train.n_missing == 5
    assert found.prepared.notes == (
        "'x': 3 values are infinite, too large for float32 or no numbers; they count as missing.",
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pa.nulls(4), "has no usable value in the training rows"),
        (pa.array([None, np.nan, np.inf, None]), "has no usable value in the training rows"),
        (pa.array([5, 5, 5, 5]), "has the same value in all training rows"),
    ],
)
def test_a_column_without_information_is_left_out_and_noted(fit: Any, values: pa.Array, reason: str) -> None:
    found = fit({"x": values, "z": [1, 2, 3, 4]})
    assert found.prepared.numeric == ("z",)
    assert [column.name for column in found.prepared.inputs] == ["z"]
    assert f"'x' is left out: it {reason}." in found.prepared.notes


def test_a_constant_column_with_gaps_leaves_its_indicator(fit: Any) -> None:
    found = fit({"x": [5.0, None, 5.0, None]})
    assert found.prepared.numeric == ("x.missing",)
    np.testing.assert_array_equal(found.numeric()["x.missing"], [0, 1, 0, 1])


@pytest.mark.parametrize("scale", ["quantile", "standard", "robust", "minmax", "none"])
def test_what_comes_out_is_finite_whatever_goes_in(fit: Any, scale: str) -> None:
    x = np.array([0.0, 0, 0, 0, 0, 0, 0, 1e-300, 3e38, -3e38, np.inf, np.nan])
    found = fit({"x": x, "tiny": x * 1e-320}, {"numeric": {"scale": scale}}, n_train=8)
    for fold in ("train", "valid"):
        assert all(np.isfinite(values).all() for values in found.numeric(fold).values())


def test_robust_scale_falls_back_to_the_standard_deviation_where_the_quartiles_are_equal(fit: Any) -> None:
    x = np.r_[np.zeros(90), np.arange(10.0)]
    found = fit({"x": x}, {"numeric": {"scale": "robust"}}).numeric()["x"]
    np.testing.assert_allclose(found, x / x.std(), rtol=1e-6)


def test_huge_integers_decimals_durations_and_booleans_are_numbers(fit: Any) -> None:
    table = pa.table(
        {
            "big": pa.array([2**62, 2**62 + 2**12, 0, None]),
            "dec": pa.array([1, 2, 3, None], pa.decimal128(38, 3)),
            "dur": pa.array([1, 2, 3, None], pa.duration("s")),
            "flag": pa.array([True, False, True, None]),
        }
    )
    found = fit(table, {"numeric": PLAIN, "columns": {"flag": {"kind": "numeric"}}})
    values = found.numeric()
    np.testing.assert_allclose(values["big"], [2**62, 2**62, 0, 2**62], rtol=1e-6)
    np.testing.assert_array_equal(values["dec"], [1, 2, 3, 2])
    np.testing.assert_array_equal(values["dur"], [1, 2, 3, 2])
    np.testing.assert_array_equal(values["flag"], [1, 0, 1, 1])
    assert any("beyond 2^53" in note for note in found.prepared.notes)


def test_text_becomes_a_number_where_the_spec_says_so(fit: Any) -> None:
    found = fit({"x": ["1", " 2.5 ", "n/a", None, "1e1"]}, {"numeric": PLAIN, "columns": {"x": {"kind": "numeric"}}})
    np.testing.assert_array_equal(found.numeric()["x"], [1, 2.5, 2.5, 2.5, 10])
    assert "1 values are" in found.prepared.notes[0]


def test_numbers_written_as_text_are_pointed_out(fit: Any) -> None:
    found = fit({"zip": [str(10_000 + i % 30) for i in range(600)]})
    assert "`kind: numeric` makes it a number" in found.prepared.notes[0]


def test_the_rule_of_one_column_stands_above_the_rule_of_its_kind(fit: Any) -> None:
    spec = {"numeric": {"scale": "standard"}, "columns": {"b": {"scale": "none", "impute": "constant", "fill": 9}}}
    values = fit({"a": [1.0, 2, 3, 4], "b": [1.0, 2, 3, None]}, spec).numeric()
    assert values["a"].mean() == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(values["b"], [1, 2, 3, 9])

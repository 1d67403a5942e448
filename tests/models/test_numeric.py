from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.models import Inputs
from assay.models._numeric import Encoding, NumericConfig, bin_edges, embed


def equation_1(x: float, edges: list[float]) -> list[float]:
    """The piecewise-linear encoding of one number, as the paper writes it (with both ends left open)."""
    n_bins = len(edges) - 1
    encoded = []
    for t in range(1, n_bins + 1):
        if x < edges[t - 1] and t > 1:
            encoded.append(0.0)
        elif x >= edges[t] and t < n_bins:
            encoded.append(1.0)
        else:
            encoded.append((x - edges[t - 1]) / (edges[t] - edges[t - 1]))
    return encoded


EDGES = [[-1.0, 0.0, 0.5, 2.0], [0.0, 1.0], [-3.0, -2.5, 4.0]]


@given(st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3))
def test_the_encoding_is_equation_1_of_the_paper(row: list[float]) -> None:
    encoded = Encoding([torch.tensor(edges) for edges in EDGES])(torch.tensor([row]))[0]
    for feature, edges in enumerate(EDGES):
        expected = equation_1(row[feature], edges)
        np.testing.assert_allclose(encoded[feature, : len(expected)], expected, rtol=1e-5, atol=1e-6)
        assert not encoded[feature, len(expected) :].any(), "padding stays zero"


def test_edges_are_quantiles_without_duplicates() -> None:
    spiky = np.sort(np.concatenate([np.zeros(90), np.arange(1, 11)])).astype(np.float32)
    assert bin_edges(spiky, 100).tolist() == list(range(11))
    assert bin_edges(spiky, 5).tolist() == [0, 2, 4, 6, 8, 10]
    assert bin_edges(np.linspace(0, 1, 101, dtype=np.float32), 4).tolist() == [0, 0.25, 0.5, 0.75, 1]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50), st.integers(1, 20))
def test_edges_rise_and_reach_from_the_first_knot_to_the_last(values: list[float], n_bins: int) -> None:
    knots = np.sort(np.array(values, dtype=np.float32))
    edges = bin_edges(knots, n_bins).numpy()
    assert (np.diff(edges) > 0).all()
    assert 2 <= len(edges) <= n_bins + 1
    assert edges[0] == knots[0]
    if len(np.unique(knots)) > 1:
        assert edges[-1] == knots[-1]


def test_a_constant_feature_has_one_bin_and_gives_numbers() -> None:
    told = Inputs(n_numeric=1, knots=np.full((1, 9), 3.0, dtype=np.float32))
    embedding = embed(NumericConfig(numeric_embedding="piecewise_linear"), told, 4)
    assert embedding(torch.tensor([[3.0], [1e9]])).isfinite().all()


def embedded(kind: Any, x: np.ndarray[Any, Any]) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """The weights of a new embedding with 3 numbers per feature, drawn anew so that none is zero, and its output."""
    told = Inputs(n_numeric=x.shape[1], knots=np.tile(np.linspace(-1, 1, 5, dtype=np.float32), (x.shape[1], 1)))
    torch.manual_seed(0)
    embedding = embed(NumericConfig(numeric_embedding=kind, n_bins=4, n_frequencies=6), told, 3)
    with torch.no_grad():
        for parameter in embedding.parameters():
            parameter.normal_()
    return {name: value.numpy() for name, value in embedding.state_dict().items()}, embedding(
        torch.from_numpy(x)
    ).detach().numpy()


@pytest.fixture
def x() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)


def test_linear_embeds_each_number_by_a_line_of_its_own(x: np.ndarray[Any, Any]) -> None:
    weights, out = embedded("linear", x)
    expected = np.maximum(x[:, :, None] * weights["weight_FD"] + weights["bias_FD"], 0)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_periodic_is_a_linear_map_of_waves(x: np.ndarray[Any, Any]) -> None:
    weights, out = embedded("periodic", x)
    angle = 2 * np.pi * x[:, :, None] * weights["frequency_FH"]
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)
    expected = np.maximum(waves @ weights["linear.weight"].T + weights["linear.bias"], 0)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_piecewise_linear_bends_a_line_at_the_edges(x: np.ndarray[Any, Any]) -> None:
    weights, out = embedded("piecewise_linear", x)
    edges = [-1.0, -0.5, 0.0, 0.5, 1.0]
    expected = x[:, :, None] * weights["affine.weight_FD"] + weights["affine.bias_FD"]
    for row, feature in np.ndindex(*x.shape):
        expected[row, feature] += np.array(equation_1(float(x[row, feature]), edges)) @ weights["weight_FTD"][feature]
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)

"""What each raw column adds: complete, equal to the closed form where there is one, and close to Shapley values."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors.torch import load
from scipy.stats import spearmanr

from assay import explain, inference, preprocessing
from tests.inference.example import Trained

N = 60


@pytest.mark.parametrize("family", ["linear", "mlp", "tabm", "ft_transformer"])
def test_the_parts_add_up_to_the_score_of_the_prediction(income: Trained, family: str) -> None:
    model, table = income.models[family], income.table.slice(0, N)
    found = explain.explainer(model, store=income.store).attributions(table)
    np.testing.assert_allclose(found.amounts_BR.sum(axis=1), found.score_B - found.base_B, atol=0.12)
    p_BO = inference.predictor(model, store=income.store)(table).p_BO
    assert p_BO is not None
    np.testing.assert_allclose(found.score_B, np.log(p_BO[:, 1] / p_BO[:, 0]), atol=1e-4)


def test_a_linear_model_is_explained_by_its_weights(income: Trained) -> None:
    model, table = income.models["linear"], income.table.slice(0, N)
    weights = {name: value.numpy() for name, value in load(income.store.read(model.weights)).items()}
    prepared = model.preprocessing
    numeric_BF, codes_BC = preprocessing.encoder(prepared, store=income.store).features(table)
    knots_FQ = income.store.array(prepared.knots)
    slope_F = np.diff(weights["output.dense_WD"], axis=0)[0]
    by_column = {name: (numeric_BF - np.median(knots_FQ, axis=1)) * slope_F for name in ("numeric",)}["numeric"]
    level_L, start = np.diff(weights["output.levels_LW"], axis=1)[:, 0], 0
    wanted = {name: by_column[:, f] for f, name in enumerate(prepared.numeric)}
    for c, feature in enumerate(prepared.categorical):
        own_L = level_L[start : start + feature.n_levels]
        wanted[feature.name] = own_L[codes_BC[:, c]] - own_L @ np.array(feature.shares)
        start += feature.n_levels
    found = explain.explainer(model, store=income.store).attributions(table)
    for r, column in enumerate(prepared.inputs):
        np.testing.assert_allclose(found.amounts_BR[:, r], wanted[column.name], atol=1e-5, err_msg=column.name)


def test_the_order_of_columns_is_that_of_exact_shapley_values(income: Trained) -> None:
    """Over the same base: numbers at their median, categories drawn by their shares, all 2^4 coalitions."""
    model, table = income.models["mlp"], income.table.slice(0, N)
    explainer = explain.explainer(model, store=income.store)
    ours_BR = explainer.attributions(table).amounts_BR
    shapley_BR = _shapley(model, income.store, table)
    assert spearmanr(np.abs(ours_BR).mean(axis=0), np.abs(shapley_BR).mean(axis=0))[0] == 1
    assert spearmanr(ours_BR.ravel(), shapley_BR.ravel())[0] > 0.9


def _shapley(model: Any, store: Any, table: pa.Table) -> np.ndarray[Any, Any]:
    import torch

    from assay.inference._torch import network

    net, prepared = network(model, store, None), model.preprocessing
    numeric_BF, codes_BC = preprocessing.encoder(prepared, store=store).features(table)
    onehot = [np.eye(f.n_levels, dtype=np.float32)[codes_BC[:, c]] for c, f in enumerate(prepared.categorical)]
    own = [*numeric_BF.T[:, :, None], *onehot]
    base = [*np.median(store.array(prepared.knots), axis=1), *(np.float32(f.shares) for f in prepared.categorical)]
    n_numeric, names = len(prepared.numeric), [*prepared.numeric, *(f.name for f in prepared.categorical)]

    def value(coalition: tuple[int, ...]) -> Any:
        parts = [own[i] if i in coalition else np.zeros_like(own[i]) + base[i] for i in range(len(own))]
        numeric, weights = (np.concatenate(each, axis=1) for each in (parts[:n_numeric], parts[n_numeric:]))
        with torch.inference_mode():
            out = net(torch.from_numpy(numeric.astype(np.float32)), torch.from_numpy(weights)).numpy()
        return out[:, 1] - out[:, 0]

    n = len(own)
    values = {c: value(c) for size in range(n + 1) for c in itertools.combinations(range(n), size)}
    found = np.zeros((len(numeric_BF), n))
    for c, gained in itertools.product(values, range(n)):
        if gained not in c:
            weight = math.factorial(len(c)) * math.factorial(n - len(c) - 1) / math.factorial(n)
            found[:, gained] += weight * (values[tuple(sorted((*c, gained)))] - values[c])
    return found[:, [names.index(column.name) for column in prepared.inputs]]


def test_a_number_is_explained_in_the_units_of_the_target(age: Trained) -> None:
    model, table = age.models["mlp"], age.table.slice(0, N)
    y_hat = inference.predictor(model, store=age.store)(table).y_hat
    for one, predicted in zip(explain.explain(model, table, store=age.store), y_hat, strict=True):
        assert one.of == "age"
        assert one.score == pytest.approx(predicted, rel=1e-4)
        assert one.base + sum(part.amount for part in one.contributions) == pytest.approx(one.score, abs=0.5)


def test_rows_of_a_request_are_explained_as_a_table_of_them_is(income: Trained) -> None:
    table = income.table.slice(0, 5)
    explainer = explain.explainer(income.models["mlp"], store=income.store)
    rows = [{name: row[name] for name in explainer.columns} for row in table.to_pylist()]
    for ours, theirs in zip(explainer(rows), explainer(table), strict=True):
        assert ours.predicted == theirs.predicted
        assert [part.column for part in ours.contributions] == [part.column for part in theirs.contributions]
        assert ours.score == pytest.approx(theirs.score, abs=1e-5)


def test_the_strongest_column_stands_first_with_its_value(income: Trained) -> None:
    table = income.table.slice(0, 20)
    for one, row in zip(
        explain.explain(income.models["mlp"], table, store=income.store), table.to_pylist(), strict=True
    ):
        sizes = [abs(part.amount) for part in one.contributions]
        assert sizes == sorted(sizes, reverse=True)
        for part in one.contributions:
            assert part.value == ("(missing)" if row[part.column] is None else str(row[part.column]))


def test_a_model_that_looks_at_nothing_is_explained_by_nothing(income: Trained) -> None:
    found = explain.explainer(income.models["constant"], store=income.store).attributions(income.table.slice(0, 3))
    assert not found.amounts_BR.any()


def test_explaining_imports_neither_ray_nor_prefect() -> None:
    code = "import sys, assay.explain._explainer; print([m for m in ('ray', 'prefect', 'mlflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

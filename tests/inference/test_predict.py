from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import softmax

from assay import inference
from assay.artifacts import Calibration, to_json
from assay.errors import DataError, StoreError
from assay.inference import _predict
from assay.inference._predictor import classes, probabilities
from tests.inference.example import Trained

FAMILIES = ["constant", "mlp", "tabm"]


def columns(trained: Trained, predictions: Any) -> dict[str, np.ndarray[Any, Any]]:
    table = trained.store.table(predictions.table)
    return {name: table.column(name).to_numpy() for name in table.column_names}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_of_the_fold_is_predicted_once_and_beside_its_truth(income: Trained, family: str) -> None:
    model = income.models[family]
    predictions = inference.predict(model, income.test, None, store=income.store)
    found = columns(income, predictions)
    rows = np.arange(0, income.table.num_rows, 5)
    truth = np.array(income.table.column("income").to_pylist())[rows]
    assert found["row"].tolist() == rows.tolist()
    assert (np.array(model.preprocessing.target.classes)[found["y"]] == truth).all()
    assert found["p_0"] + found["p_1"] == pytest.approx(1, abs=1e-6)
    assert (found["y_hat"] == (found["p_1"] > found["p_0"])).all()
    assert (predictions.fold, predictions.n_rows) == ("test", len(rows))
    assert predictions.model_sha256 == model.sha256
    assert [(f.name, str(f.type)) for f in income.store.table(predictions.table).schema] == [
        ("row", "int64"),
        ("y", "int32"),
        ("y_hat", "int32"),
        ("p_0", "float"),
        ("p_1", "float"),
    ]


def test_a_model_predicts_on_the_valid_metrics_that_it_was_kept_for(income: Trained) -> None:
    model = income.models["mlp"]
    found = columns(income, inference.predict(model, income.test, None, store=income.store))
    floor = columns(income, inference.predict(income.models["constant"], income.test, None, store=income.store))
    assert (found["y"] == found["y_hat"]).mean() > (floor["y"] == floor["y_hat"]).mean() + 0.01


def test_a_regression_is_predicted_in_the_units_of_its_target(age: Trained) -> None:
    found = columns(age, inference.predict(age.models["mlp"], age.test, None, store=age.store))
    truth = age.table.column("age").to_numpy()[found["row"]]
    assert found["y"].tolist() == truth.tolist()
    assert found["y_hat"].dtype == np.float64
    assert np.abs(found["y_hat"] - truth).mean() < np.abs(truth.mean() - truth).mean()
    assert list(found) == ["row", "y", "y_hat"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prediction_does_not_hang_on_the_rows_beside_it(income: Trained, family: str) -> None:
    predictor = inference.predictor(income.models[family], store=income.store)
    whole = predictor(income.table).p_BO
    assert whole is not None
    for size in (1, 7, 1000):
        for start in (0, 500, 2000):
            part = predictor(income.table.slice(start, size)).p_BO
            assert part == pytest.approx(whole[start : start + size], abs=1e-6)


def test_predictions_do_not_hang_on_the_size_of_a_piece_and_are_the_same_bytes_twice(
    income: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = income.models["tabm"]
    first, again = (inference.predict(model, income.test, None, store=income.store) for _ in range(2))
    assert first == again
    monkeypatch.setattr(_predict, "ROWS", 100)
    pieces = columns(income, inference.predict(model, income.test, None, store=income.store))
    for name, value in columns(income, first).items():
        assert pieces[name] == pytest.approx(value, abs=1e-6)


def test_temperature_softens_and_the_threshold_decides(income: Trained) -> None:
    model = income.models["mlp"]
    positive = model.preprocessing.target.positive
    plain = columns(income, inference.predict(model, income.test, None, store=income.store))
    calibration = Calibration(temperature=2.0, threshold=0.3, threshold_metric="f1")
    predictions = inference.predict(model, income.test, calibration, store=income.store)
    found = columns(income, predictions)
    assert predictions.calibration == calibration
    logits = np.log(np.stack([plain["p_0"], plain["p_1"]], axis=1).astype(np.float64))
    assert found["p_1"] == pytest.approx(softmax(logits / 2, axis=1)[:, 1], abs=1e-5)
    assert ((found["y_hat"] == positive) == (found[f"p_{positive}"] >= np.float32(0.3))).all()


def test_the_threshold_is_for_the_positive_class_even_when_that_is_the_first(income: Trained) -> None:
    from dataclasses import replace

    target = replace(income.models["mlp"].preprocessing.target, positive=0)
    p_BO = np.array([[0.2, 0.8], [0.3, 0.7], [0.9, 0.1]], np.float32)
    assert classes(p_BO, target, 0.3).tolist() == [1, 0, 0]
    assert classes(p_BO, target, None).tolist() == [1, 1, 0]


def test_extreme_scores_stay_probabilities() -> None:
    p_BO = probabilities(np.array([[1e4, -1e4], [-1e30, 0.0]], np.float32), 1.0)
    assert p_BO.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_missing_and_never_seen_values_are_predicted(income: Trained) -> None:
    predictor = inference.predictor(income.models["mlp"], store=income.store)
    row = income.table.slice(0, 1).set_column(
        income.table.schema.get_field_index("workclass"), "workclass", pa.array(["Astronaut"], pa.large_string())
    )
    row = row.set_column(row.schema.get_field_index("age"), "age", pa.array([None], row.schema.field("age").type))
    p_BO = predictor(row).p_BO
    assert p_BO is not None
    assert np.isfinite(p_BO).all()


def test_an_empty_table_has_empty_predictions(income: Trained) -> None:
    for family in FAMILIES:
        predicted = inference.predictor(income.models[family], store=income.store)(income.table.slice(0, 0))
        assert len(predicted.y_hat) == 0


def test_a_column_that_is_missing_is_named(income: Trained) -> None:
    predictor = inference.predictor(income.models["mlp"], store=income.store)
    with pytest.raises(DataError, match="workclass"):
        predictor(income.table.drop_columns(["workclass"]))


def test_weights_that_were_changed_are_refused(income: Trained) -> None:
    model = income.models["mlp"]
    path = income.store.path(model.weights)
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(StoreError, match="differ from their digest"):
            inference.predictor(model, store=income.store)
    finally:
        path.write_bytes(whole)


CONSTANT = """
import sys
from pathlib import Path
from assay import inference
from assay.artifacts import Model, TestFold, from_json
from assay.store import Store
root, model, fold = sys.argv[1:]
print(inference.predict(from_json(Model, model), from_json(TestFold, fold), None, store=Store(Path(root))).n_rows)
assert not {"torch", "ray", "sklearn"} & set(sys.modules)
"""


def test_a_family_without_torch_is_predicted_without_torch(income: Trained) -> None:
    command = [sys.executable, "-c", CONSTANT, str(income.store.root)]
    command += [to_json(income.models["constant"]), to_json(income.test)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == income.test.n_rows

"""An exported network and its metadata alone come to what the predictor says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy.special import softmax

from assay import inference
from assay.artifacts import Calibration
from assay.errors import AssayError
from tests.inference.example import Trained


def scores(path: Path, encoder: Any, table: Any) -> tuple[np.ndarray[Any, Any], dict[str, str]]:
    numeric, codes = encoder.features(table)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"numeric": numeric, "codes": codes.astype(np.int32)})[0]
    return found, {each.key: each.value for each in onnx.load(path).metadata_props}


def test_classes_come_out_as_the_metadata_say(income: Trained, tmp_path: Path) -> None:
    model, calibration, path = income.models["mlp"], Calibration(temperature=1.7, threshold=0.3), tmp_path / "m.onnx"
    inference.export(model, calibration, path, called="income/1", store=income.store)
    predictor = inference.predictor(model, calibration, store=income.store)
    found, told = scores(path, predictor.encoder, income.table)
    p = softmax(found / json.loads(told["assay.temperature"]), axis=1)
    expected, classes = predictor(income.table), json.loads(told["assay.classes"])
    np.testing.assert_allclose(p, expected.p_BO, atol=1e-4)
    positive = classes.index(told["assay.positive"])
    clear = np.abs(p[:, positive] - 0.3) > 1e-4
    decided = np.where(p[:, positive] >= json.loads(told["assay.threshold"]), positive, 1 - positive)
    assert clear.mean() > 0.99
    assert (decided == expected.y_hat)[clear].all()
    assert json.loads(told["assay.inputs"])["numeric"] == list(model.preprocessing.numeric)
    assert (told["assay.model"], told["assay.sha256"]) == ("income/1", model.sha256)
    assert told["assay.preprocessing"].startswith("not in this graph")


def test_numbers_come_out_as_the_metadata_say(age: Trained, tmp_path: Path) -> None:
    model, path = age.models["mlp"], tmp_path / "m.onnx"
    inference.export(model, Calibration(), path, called="age/1", store=age.store)
    predictor = inference.predictor(model, store=age.store)
    found, told = scores(path, predictor.encoder, age.table)
    assert told["assay.scores"] == "score * std + mean is the prediction"
    years = found[:, 0] * json.loads(told["assay.std"]) + json.loads(told["assay.mean"])
    np.testing.assert_allclose(years, predictor(age.table).y_hat, atol=1e-3)


def test_a_family_without_a_network_is_told_with_those_that_have_one(income: Trained, tmp_path: Path) -> None:
    with pytest.raises(AssayError, match=r"'constant' has no network to export. Allowed: .*tabm") as told:
        inference.export(income.models["constant"], Calibration(), tmp_path / "m", called="c/1", store=income.store)
    assert "constant" not in str(told.value).partition("Allowed")[2]
    assert list(tmp_path.iterdir()) == []

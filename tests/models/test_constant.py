from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from assay import models

NUMERIC, CODES = np.zeros((5, 2), dtype=np.float32), np.zeros((5, 1), dtype=np.int16)


def fitted(target: np.ndarray[Any, Any], task: Any, n_outputs: int) -> np.ndarray[Any, Any]:
    weights = models.fit("constant", {}, NUMERIC, CODES, target, task, n_outputs)
    return models.score("constant", {}, weights, NUMERIC[:3], CODES[:3])


def test_classes_are_predicted_by_their_shares() -> None:
    target = np.array([0, 2, 2, 1, 2])
    oracle = DummyClassifier(strategy="prior").fit(NUMERIC, target)
    shares = np.exp(fitted(target, "classification", 3))
    np.testing.assert_allclose(shares, oracle.predict_proba(NUMERIC[:3]), rtol=1e-6)


def test_a_number_is_predicted_by_its_mean() -> None:
    target = np.array([1, 2, 3, 4, 10], dtype=np.float32)
    oracle = DummyRegressor().fit(NUMERIC, target)
    assert fitted(target, "regression", 1)[:, 0].tolist() == oracle.predict(NUMERIC[:3]).tolist()


def test_a_class_without_rows_has_a_finite_score() -> None:
    assert np.isfinite(fitted(np.array([0, 0, 1, 1, 1]), "classification", 3)).all()


def test_it_needs_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys; from assay import models; models.check('constant', {}); models.is_torch('constant'); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as oracle

from assay.artifacts import TargetInfo
from assay.training._metrics import compute, names

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 300)
P = np.round(RNG.uniform(0.01, 0.99, 300), 2)  # with ties
LOG_P = np.log(np.stack([1 - P, P], axis=1))
BINARY = TargetInfo(column="y", task="classification", classes=("a", "b"), positive=1)
NUMBER = TargetInfo(column="y", task="regression")


def test_metrics_of_classes_are_those_of_scikit_learn() -> None:
    found, y_hat = dict(compute(BINARY, LOG_P, Y)), LOG_P.argmax(axis=1)
    assert found == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(Y, y_hat),
            "balanced_accuracy": oracle.balanced_accuracy_score(Y, y_hat),
            "log_loss": oracle.log_loss(Y, P),
            "auc": oracle.roc_auc_score(Y, P),
        }
    )


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    y_hat = Y + P
    assert dict(compute(NUMBER, y_hat, Y)) == pytest.approx(
        {
            "rmse": oracle.root_mean_squared_error(Y, y_hat),
            "mae": oracle.mean_absolute_error(Y, y_hat),
            "r2": oracle.r2_score(Y, y_hat),
        }
    )


def test_auc_of_a_fold_with_one_class_is_no_number() -> None:
    assert math.isnan(dict(compute(BINARY, LOG_P, np.ones_like(Y)))["auc"])


def test_auc_is_of_binary_tasks() -> None:
    assert "auc" in names("classification", binary=True)
    assert "auc" not in names("classification", binary=False)
    assert names("regression", binary=False) == ("loss", "rmse", "mae", "r2")

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as oracle

from assay import evaluation
from assay.artifacts import TargetInfo
from assay.spec.training import EarlyStoppingSpec, TrainingSpec
from assay.training._metrics import greater_is_better, names, watched

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 300)
P = np.round(RNG.uniform(0.01, 0.99, 300), 2)  # with ties
P_BO = np.stack([1 - P, P], axis=1)
BINARY = TargetInfo(column="y", task="classification", classes=("a", "b"), positive=1)
NUMBER = TargetInfo(column="y", task="regression")


def test_metrics_of_classes_are_those_of_scikit_learn() -> None:
    asked = watched("classification", True, TrainingSpec(metrics=("f1", "pr_auc")))
    found, y_hat = dict(evaluation.measure(BINARY, asked, P_BO, Y)), P_BO.argmax(axis=1)
    assert found == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(Y, y_hat),
            "balanced_accuracy": oracle.balanced_accuracy_score(Y, y_hat),
            "log_loss": oracle.log_loss(Y, P),
            "roc_auc": oracle.roc_auc_score(Y, P),
            "f1": oracle.f1_score(Y, y_hat),
            "pr_auc": oracle.average_precision_score(Y, P),
        }
    )


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    y_hat = Y + P
    assert dict(evaluation.measure(NUMBER, watched("regression", False, TrainingSpec()), y_hat, Y)) == pytest.approx(
        {
            "rmse": oracle.root_mean_squared_error(Y, y_hat),
            "mae": oracle.mean_absolute_error(Y, y_hat),
            "r2": oracle.r2_score(Y, y_hat),
        }
    )


def test_roc_auc_of_a_fold_with_one_class_is_no_number() -> None:
    ((_, value),) = evaluation.measure(BINARY, ("roc_auc",), P_BO, np.ones_like(Y))
    assert math.isnan(value)


def test_early_stopping_may_look_at_any_metric_of_the_task_by_its_one_name() -> None:
    assert {"loss", "accuracy", "roc_auc", "f1", "pr_auc", "ece"} <= set(names("classification", binary=True))
    assert "f1" not in names("classification", binary=False)
    assert {"loss", "rmse", "mae", "r2"} <= set(names("regression", binary=False))
    assert greater_is_better("pr_auc")
    assert not greater_is_better("loss")
    assert not greater_is_better("rmse")


def test_what_is_watched_is_cheap_and_what_the_spec_asks_for() -> None:
    assert watched("classification", False, TrainingSpec()) == ("accuracy", "balanced_accuracy", "log_loss")
    stopping = TrainingSpec(early_stopping=EarlyStoppingSpec(metric="f1_macro"), metrics=("ece",))
    assert watched("classification", False, stopping)[-2:] == ("f1_macro", "ece")
    assert watched("regression", False, TrainingSpec()) == ("rmse", "mae", "r2")

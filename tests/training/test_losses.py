from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from assay.artifacts import TargetInfo
from assay.spec.training import TrainingSpec
from assay.training._losses import Loss, check, class_weights

CLASSES = TargetInfo(column="y", task="classification", classes=("a", "b", "c"))
NUMBER = TargetInfo(column="y", task="regression")
OUT = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
TARGET = torch.arange(40) % 3


def loss(target: TargetInfo = CLASSES, **spec: Any) -> Loss:
    return Loss.of(TrainingSpec(**spec), target, TARGET, torch.device("cpu"))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, {"a": 3.0, "c": 0.5}])
def test_the_sum_over_the_weight_is_the_mean_of_torch(smoothing: float, weights: dict[str, float] | None) -> None:
    ours = loss(label_smoothing=smoothing, class_weights=weights)
    weight = None if weights is None else torch.tensor([3.0, 1.0, 0.5])
    expected = F.cross_entropy(OUT, TARGET, weight=weight, label_smoothing=smoothing)
    torch.testing.assert_close(ours.sum(OUT, TARGET) / ours.weight(TARGET), expected)


def test_sums_and_weights_of_parts_add_up() -> None:
    ours = loss(class_weights="balanced", label_smoothing=0.1)
    parts = [slice(0, 0), slice(0, 17), slice(17, 40)]
    torch.testing.assert_close(sum(ours.sum(OUT[part], TARGET[part]) for part in parts), ours.sum(OUT, TARGET))
    index = torch.tensor([3, 5, 5])
    torch.testing.assert_close(ours.weight(TARGET, index), ours.weight(TARGET[index]))


def test_the_loss_of_an_ensemble_is_the_mean_of_its_members_losses() -> None:
    out = torch.randn(40, 4, 3, generator=torch.Generator().manual_seed(1))
    expected = sum(F.cross_entropy(out[:, member], TARGET, reduction="sum") for member in range(4)) / 4
    torch.testing.assert_close(loss().sum(out, TARGET), expected)


@pytest.mark.parametrize(("name", "oracle"), [("auto", F.mse_loss), ("mae", F.l1_loss), ("huber", F.huber_loss)])
def test_losses_of_numbers_are_those_of_torch(name: str, oracle: Any) -> None:
    y = torch.randn(40)
    torch.testing.assert_close(loss(NUMBER, loss=name).sum(OUT[:, :1], y) / 40, oracle(OUT[:, 0], y))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    target = torch.tensor([0] * 7 + [1] * 2 + [2])
    found = class_weights(TrainingSpec(class_weights="balanced"), CLASSES, target)
    assert found is not None
    expected = compute_class_weight("balanced", classes=np.arange(3), y=target.numpy())
    assert found.numpy() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("target", "spec", "found"),
    [
        (CLASSES, {"loss": "mse"}, "'mse' is no loss of classification"),
        (NUMBER, {"loss": "cross_entropy"}, "'cross_entropy' is no loss of regression"),
        (NUMBER, {"label_smoothing": 0.1}, "the task is regression"),
        (CLASSES, {"class_weights": {"d": 1.0}}, "there is no class 'd'"),
    ],
)
def test_what_a_target_cannot_have_is_named(target: TargetInfo, spec: dict[str, Any], found: str) -> None:
    (mistake,) = check(TrainingSpec(**spec), target)
    assert found in mistake.found


def test_what_fits_is_no_mistake() -> None:
    assert check(TrainingSpec(class_weights={"a": 2.0}, label_smoothing=0.1), CLASSES) == []
    assert check(TrainingSpec(loss="huber"), NUMBER) == []

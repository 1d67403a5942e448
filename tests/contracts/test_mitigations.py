"""What every method of mitigation must do, whoever wrote it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from assay.mitigation._batch import Batch
from assay.spec import plugins

NAMES = plugins.names("mitigation")
OF_TRAINING = [name for name in NAMES if hasattr(plugins.load("mitigation", name), "objective")]
OF_DECISION = [name for name in NAMES if name not in OF_TRAINING]


def batch(p_B: torch.Tensor, group_B: torch.Tensor, target_B: torch.Tensor) -> Batch:
    p_BO = torch.stack([1 - p_B, p_B], dim=1)
    return Batch(
        loss_B=-p_BO[torch.arange(len(p_B)), target_B].log(),
        p_BC=p_BO[:, 1:],
        group_B=group_B,
        target_B=target_B,
        n_groups=2,
        n_classes=2,
        weight=len(p_B),
        world_size=1,
        total=lambda part: part,
    )


def test_every_method_is_one_of_the_training_or_of_the_decision() -> None:
    assert set(OF_TRAINING) == {"reweigh", "parity_penalty", "odds_penalty", "group_dro"}
    assert OF_DECISION == ["thresholds"]
    assert all(hasattr(plugins.load("mitigation", name), "choose") for name in OF_DECISION)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused_and_the_method_says_what_it_does(name: str) -> None:
    with pytest.raises(ValidationError, match="colour"):
        plugins.config("mitigation", name, {"colour": "red"})
    assert inspect.getdoc(plugins.load("mitigation", name))


@pytest.mark.parametrize("name", OF_TRAINING)
def test_the_objective_is_a_finite_number_with_a_gradient_though_a_group_is_absent(name: str) -> None:
    method, config = plugins.load("mitigation", name), plugins.config("mitigation", name, {})
    p_B = torch.full((6,), 0.3, requires_grad=True)
    state = method.prepare(config, torch.tensor([[40.0, 20.0], [30.0, 0.0]]))
    found = method.objective(config, batch(p_B, torch.zeros(6, dtype=torch.long), torch.tensor([0, 1] * 3)), state)
    (gradient_B,) = torch.autograd.grad(found, p_B)
    assert found.ndim == 0
    assert bool(torch.isfinite(found))
    assert bool(torch.isfinite(gradient_B).all())
    assert all(bool(torch.isfinite(value).all()) for value in state.values())


@pytest.mark.parametrize("name", OF_TRAINING)
def test_one_group_is_trained_as_if_there_were_no_method(name: str) -> None:
    method, config = plugins.load("mitigation", name), plugins.config("mitigation", name, {})
    if name == "group_dro":
        pytest.skip("its groups are those of the true class as well")
    torch.manual_seed(0)
    rows = batch(torch.rand(50), torch.zeros(50, dtype=torch.long), torch.randint(0, 2, (50,)))
    state = method.prepare(config, torch.tensor([[30.0, 20.0], [0.0, 0.0]]))
    assert float(method.objective(config, rows, state)) == pytest.approx(float(rows.loss_B.mean()), rel=1e-6)


@pytest.mark.parametrize("name", OF_DECISION)
def test_thresholds_do_not_hang_on_the_order_of_rows(name: str) -> None:
    method, config = plugins.load("mitigation", name), plugins.config("mitigation", name, {})
    rng = np.random.default_rng(0)
    p, positive, group = rng.random(500), rng.random(500) < 0.4, rng.integers(0, 3, 500)
    mixed = rng.permutation(500)
    assert method.choose(config, p, positive, group, 3) == method.choose(
        config, p[mixed], positive[mixed], group[mixed], 3
    )

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop

from assay.spec.training import TrainingSpec
from assay.training._optim import load_state_tensors, optimizer, state_tensors

ORACLES: dict[str, Any] = {
    "adamw": lambda groups: AdamW(groups, lr=0.05, betas=(0.8, 0.95)),
    "adam": lambda groups: Adam(groups, lr=0.05, betas=(0.8, 0.95)),
    "sgd": lambda groups: SGD(groups, lr=0.05, momentum=0.7),
    "rmsprop": lambda groups: RMSprop(groups, lr=0.05, momentum=0.7),
    "adagrad": lambda groups: Adagrad(groups, lr=0.05),
}


def spec(name: str) -> TrainingSpec:
    return TrainingSpec.model_validate(
        {"optimizer": name, "lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.95), "momentum": 0.7}
    )


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 1))


def walk(module: nn.Module, optimiser: Any, n_updates: int, seed: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_updates):
        module.zero_grad()
        loss = F.mse_loss(module(torch.randn(16, 5, generator=generator)), torch.ones(16, 1))
        torch.autograd.backward(loss)
        optimiser.step()
    return list(module.parameters())


@pytest.mark.parametrize("name", ORACLES)
def test_optimisers_are_those_of_torch_with_matrices_alone_decayed(name: str) -> None:
    ours, theirs = network(), network()
    weights = [value for key, value in theirs.named_parameters() if key.endswith("weight")]
    biases = [value for key, value in theirs.named_parameters() if key.endswith("bias")]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
    found = walk(ours, optimizer(ours, spec(name)), 30)
    for value, expected in zip(found, walk(theirs, ORACLES[name](groups), 30), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ORACLES)
def test_an_optimiser_that_was_stored_goes_on_to_the_same_bits(name: str) -> None:
    straight, resumed = network(), network()
    first = optimizer(straight, spec(name))
    walk(straight, first, 5)
    resumed.load_state_dict(straight.state_dict())
    second = optimizer(resumed, spec(name))
    load_state_tensors(second, {key: value.clone() for key, value in state_tensors(first).items()})
    for value, expected in zip(walk(resumed, second, 5, 2), walk(straight, first, 5, 2), strict=True):
        assert torch.equal(value, expected)


def test_no_step_imports_dynamo() -> None:
    code = """
import sys, torch
from assay.spec.training import TrainingSpec
from assay.training._optim import optimizer
module = torch.nn.Linear(2, 1)
found = optimizer(module, TrainingSpec())
module(torch.ones(3, 2)).sum().backward()
torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
found.step(); module.zero_grad(); found.load_state_dict(found.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, StepLR

from assay.spec.training import ScheduleSpec
from assay.training._schedule import factor

EPOCHS, PER_EPOCH = 6, 10


def rates(**schedule: Any) -> list[float]:
    spec = ScheduleSpec(**schedule)
    return [factor(spec, update, EPOCHS * PER_EPOCH, PER_EPOCH) for update in range(EPOCHS * PER_EPOCH)]


def torch_rates(make: Any) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler: LRScheduler = make(optimizer)
    found = []
    for _ in range(EPOCHS * PER_EPOCH):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "oracle"),
    [
        ({"name": "cosine", "final_frac": 0.1}, lambda o: CosineAnnealingLR(o, T_max=60, eta_min=0.1)),
        ({"name": "linear", "final_frac": 0.2}, lambda o: LinearLR(o, 1.0, 0.2, total_iters=60)),
        ({"name": "step", "step_epochs": 2, "gamma": 0.5}, lambda o: StepLR(o, step_size=20, gamma=0.5)),
        ({"name": "onecycle", "final_frac": 4e-6}, lambda o: OneCycleLR(o, 1.0, total_steps=60, cycle_momentum=False)),
    ],
)
def test_schedules_are_those_of_torch(schedule: dict[str, Any], oracle: Any) -> None:
    assert rates(**schedule) == pytest.approx(torch_rates(oracle), abs=1e-9)


def test_the_rate_rises_in_a_line_during_the_warm_up_and_then_follows_its_schedule() -> None:
    found = rates(name="cosine", warmup_epochs=1.0)
    steps = [b - a for a, b in pairwise(found[:11])]
    assert steps == pytest.approx([steps[0]] * 10)
    assert found[10] == 1.0
    assert found[10:] == sorted(found[10:], reverse=True)


def test_a_constant_rate_stays() -> None:
    assert set(rates()) == {1.0}

"""Training on a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.example import Encoded

pytestmark = pytest.mark.gpu
GPU = {"device": "cuda"}


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_gpu_learns_as_a_cpu_does(adult_income: Encoded, tmp_path: Path, precision: str) -> None:
    cpu = adult_income.fit(tmp_path / "cpu", ema=0.9, clip_norm=1.0)
    gpu = adult_income.fit(tmp_path / "gpu", ema=0.9, clip_norm=1.0, precision=precision, compute=GPU)
    assert gpu.device == "cuda"
    tolerance = 1e-3 if precision == "fp32" else 1e-2
    assert gpu.epochs[-1].valid_loss == pytest.approx(cpu.epochs[-1].valid_loss, abs=tolerance)


def test_a_ray_worker_on_a_gpu_has_the_same_loss_curve(adult_income: Encoded, tmp_path: Path) -> None:
    here = adult_income.fit(tmp_path / "here", compute=GPU)
    there = adult_income.fit(tmp_path / "there", compute=GPU | {"workers": 1})
    assert [e.valid_loss for e in there.epochs] == pytest.approx([e.valid_loss for e in here.epochs], abs=1e-4)

"""Mitigation in a training: the same gradient for any number of ranks, and the same model after an interruption."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

from assay.errors import Cancelled, SpecError
from assay.spec.evidence import MitigateSpec
from assay.spec.training import ComputeSpec, TrainingSpec
from assay.training._job import Job
from assay.training._loop import Run
from assay.training._place import Place
from tests.training.example import Encoded, Heard

METHODS: dict[str, dict[str, Any]] = {
    "reweigh": {},
    "parity_penalty": {"weight": 20},
    "odds_penalty": {"weight": 20},
    "group_dro": {"step_size": 0.1},
}
ROWS = torch.arange(101) * 3  # no even share, and few of one group in each


def mitigate(method: str) -> MitigateSpec:
    return MitigateSpec.model_validate({"method": method, "sensitive": ["sex"], **METHODS[method]})


def job(encoded: Encoded, folder: Path, method: str) -> Job:
    return Job(
        arrays=encoded.arrays,
        prepared=encoded.prepared,
        family="linear",
        options={},
        training=TrainingSpec(class_weights="balanced", batch_size=64, accumulate=2),
        compute=ComputeSpec(),
        seed=0,
        store=encoded.store,
        folder=folder,
        root=None,
        mitigate=mitigate(method),
        groups=encoded.groups(),
    )


def gradient(of: Job, place: Place) -> np.ndarray[Any, Any]:
    run = Run(of, place)
    for _ in range(2):  # group DRO has moved its weights by then
        run.network.forget_gradients()
        run.descent._gradients(ROWS)
        run.network.exchange()
    return torch.cat([value.grad.flatten() for value in run.network.module.parameters()]).numpy()  # type: ignore[union-attr]


def rank(number: int, jobs: dict[str, Job], folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=number, world_size=2)
    for method, of in jobs.items():
        np.save(folder / f"{method}-{number}.npy", gradient(of, Place(number, 2, torch.device("cpu"))))
    dist.destroy_process_group()


def test_the_gradient_of_two_ranks_is_that_of_one_process(adult_income: Encoded, tmp_path: Path) -> None:
    jobs = {method: job(adult_income, tmp_path, method) for method in METHODS}
    processes = [multiprocessing.get_context("spawn").Process(target=rank, args=(n, jobs, tmp_path)) for n in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0
    for method, of in jobs.items():
        alone = gradient(of, Place(0, 1, torch.device("cpu")))
        assert np.abs(alone).max() > 0.01, method
        for number in (0, 1):
            assert np.load(tmp_path / f"{method}-{number}.npy") == pytest.approx(alone, abs=1e-6), method


def test_a_training_that_was_interrupted_comes_to_the_same_bits(adult_income: Encoded, tmp_path: Path) -> None:
    class Stops(Heard):
        def emit(self, kind: str, /, **fields: Any) -> None:
            super().emit(kind, **fields)
            if kind == "checkpoint":
                (tmp_path / "b/stop").touch()

    spec: dict[str, Any] = {"mitigate": mitigate("group_dro"), "epochs": 3}
    straight = adult_income.fit(tmp_path / "a", **spec)
    with pytest.raises(Cancelled):
        adult_income.fit(tmp_path / "b", **spec, events=Stops())
    resumed = adult_income.fit(tmp_path / "b", **spec)
    assert resumed.weights.sha256 == straight.weights.sha256
    plain = adult_income.fit(tmp_path / "b", epochs=3)
    assert plain.weights.sha256 != straight.weights.sha256  # no checkpoint of the other was taken up


@pytest.mark.parametrize("method", METHODS)
def test_an_ensemble_is_trained_with_every_method(adult_income: Encoded, tmp_path: Path, method: str) -> None:
    model = adult_income.fit(tmp_path, family="tabm", mitigate=mitigate(method), epochs=1)
    assert np.isfinite(model.epochs[0].train_loss)


def test_a_family_that_takes_no_steps_is_refused(adult_income: Encoded, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="fitted in closed form"):
        adult_income.fit(tmp_path, family="constant", mitigate=mitigate("reweigh"))

"""Training by real Ray workers. Each test starts processes, so there are few."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ray

from assay.artifacts import Model
from assay.errors import Cancelled, TrainingError
from assay.spec.training import ComputeSpec
from assay.store import Bucket, Store
from assay.training._cluster import cluster as ray_cluster
from tests.conftest import KEYS
from tests.training.example import Encoded, Heard

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own, about Ray


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One Ray for all tests here; `train` uses the one that runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():  # workers have the environment in which their cluster was started
            patch.setenv(name, value)
        with ray_cluster(ComputeSpec(workers=2)):
            yield
    assert not ray.is_initialized()


def curve(model: Model) -> np.ndarray[Any, Any]:
    return np.array([(epoch.train_loss, epoch.valid_loss) for epoch in model.epochs])


def workers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if "RayTrainWorker" in " ".join(p.cmdline())]


class Kills(Heard):
    """Kills a worker when an epoch has been heard of, as many times as told."""

    def __init__(self, *epochs: int) -> None:
        super().__init__()
        self._at = list(epochs)

    def emit(self, kind: str, /, **fields: Any) -> None:
        super().emit(kind, **fields)
        if kind == "epoch" and fields["epoch"] in self._at:
            self._at.remove(fields["epoch"])
            workers()[0].send_signal(signal.SIGKILL)


def test_0_1_and_2_workers_have_the_same_loss_curve(adult_income: Encoded, tmp_path: Path) -> None:
    # 2,442 rows in batches of 101: the last one has 18, an update of two batches is the last one of an epoch alone or
    # not, and no share is even.
    spec: dict[str, Any] = {"batch_size": 101, "accumulate": 2, "class_weights": "balanced", "clip_norm": 1.0}
    heard = Heard()
    alone = adult_income.fit(tmp_path / "0", **spec)
    one = adult_income.fit(tmp_path / "1", **spec, compute={"workers": 1})
    two = adult_income.fit(tmp_path / "2", **spec, compute={"workers": 2}, events=heard)
    assert curve(one) == pytest.approx(curve(alone), rel=1e-6)
    assert curve(two) == pytest.approx(curve(alone), rel=1e-4)
    assert [dict(e.metrics) for e in two.epochs][-1] == pytest.approx(dict(alone.epochs[-1].metrics), abs=1e-3)
    assert heard.epochs() == [1, 2, 3]
    assert two.n_workers == 2


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(adult_income: Encoded, tmp_path: Path) -> None:
    spec: dict[str, Any] = {"epochs": 6, "batch_size": 64, "family": "mlp"}
    heard = Kills(2)
    undisturbed = adult_income.fit(tmp_path / "a", **spec, compute={"workers": 2})
    killed = adult_income.fit(tmp_path / "b", **spec, compute={"workers": 2}, events=heard)
    assert curve(killed) == pytest.approx(curve(undisturbed), rel=1e-6)
    assert heard.epochs() == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_more_deaths_than_allowed_end_training_with_the_cause(adult_income: Encoded, tmp_path: Path) -> None:
    compute = {"workers": 2, "max_failures": 0}
    with pytest.raises(TrainingError, match=r"more often than `compute\.max_failures: 0` allows") as caught:
        adult_income.fit(tmp_path, epochs=500, batch_size=16, compute=compute, events=Kills(1))
    assert "process died" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.slow
def test_an_error_of_the_network_is_told_once_and_not_tried_again(adult_income: Encoded, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "class Broken(torch.nn.Module):\n"
        "    def __init__(self, n_numeric, levels, n_outputs):\n"
        "        super().__init__()\n"
        "        self.linear = torch.nn.Linear(n_numeric, n_outputs)\n"
        "    def forward(self, numeric, codes):\n"
        "        if len(numeric) > 100:\n"
        "            raise RuntimeError('too many rows')\n"
        "        return self.linear(numeric)\n"
    )
    with pytest.raises(TrainingError, match=r"^training failed: RuntimeError: too many rows$"):
        adult_income.fit(
            tmp_path / "fit", family="python:mine:Broken", root=tmp_path, compute={"workers": 2}, early_stopping=None
        )


@pytest.mark.slow
def test_workers_that_average_weights_learn_too_and_resume(adult_income: Encoded, tmp_path: Path) -> None:
    class Stops(Heard):
        def emit(self, kind: str, /, **fields: Any) -> None:
            super().emit(kind, **fields)
            if kind == "checkpoint" and fields["epoch"] == 1:
                (tmp_path / "b/stop").touch()

    alone_spec: dict[str, Any] = {"epochs": 30, "batch_size": 64, "early_stopping": None}
    spec = alone_spec | {"sync_every": 8, "compute": {"workers": 2}}
    straight = adult_income.fit(tmp_path / "a", **spec)
    alone = adult_income.fit(tmp_path / "c", **alone_spec)
    assert straight.epochs[-1].valid_loss == pytest.approx(alone.epochs[-1].valid_loss, abs=0.02)
    with pytest.raises(Cancelled):
        adult_income.fit(tmp_path / "b", **spec, events=Stops())
    resumed = adult_income.fit(tmp_path / "b", **spec)
    assert [epoch.epoch for epoch in resumed.epochs] == list(range(1, 31))
    assert resumed.epochs[-1].valid_loss == pytest.approx(straight.epochs[-1].valid_loss, abs=0.02)


@pytest.mark.slow
def test_elastic_workers_train_with_what_there_is(adult_income: Encoded, tmp_path: Path) -> None:
    model = adult_income.fit(tmp_path, batch_size=101, compute={"workers": (1, 4)})
    alone = adult_income.fit(tmp_path / "0", batch_size=101)
    assert curve(model) == pytest.approx(curve(alone), rel=1e-4)


@pytest.mark.slow
def test_workers_that_share_a_bucket_alone_train_alike_and_hear_a_stop(
    adult_income: Encoded, tmp_path: Path, bucket: str
) -> None:
    class Stops(Heard):
        def emit(self, kind: str, /, **fields: Any) -> None:
            super().emit(kind, **fields)
            if kind == "epoch" and fields["epoch"] == 2:
                (tmp_path / "2/stop").touch()

    shared = replace(adult_income, store=Store(adult_income.store.root, Bucket(bucket)))
    spec: dict[str, Any] = {"batch_size": 16, "epochs": 20, "early_stopping": None}
    with pytest.raises(Cancelled):
        shared.fit(tmp_path / "2", **spec, compute={"workers": 2}, events=Stops())
    assert not (tmp_path / "2/checkpoints").exists()
    resumed = shared.fit(tmp_path / "2", **spec, compute={"workers": 2})
    assert curve(resumed) == pytest.approx(curve(adult_income.fit(tmp_path / "0", **spec)), rel=1e-4)
    assert not [name for name in Bucket(bucket).names() if "/said/" in name]

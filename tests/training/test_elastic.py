"""Workers that come and go while they train: a Ray of two nodes on this machine, one of which is taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray.cluster_utils import Cluster

from assay.errors import Cancelled
from assay.training import _ray
from tests.training.example import Encoded, Heard

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Two nodes of one CPU each."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", os.environ.get("RAY_AUTH_TOKEN", "0" * 64))
    two = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    two.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", two.address)
    yield two
    two.shutdown()


class Weather(Heard):
    """Takes a node away after epoch 3 and gives one back 3 epochs later; ends the training 3 epochs after its return.

    `n_workers` are the workers that were there at the end of each epoch.
    """

    def __init__(self, nodes: Cluster, stop: Path) -> None:
        super().__init__()
        self._nodes, self._stop = nodes, stop
        self.n_workers: list[int] = []

    def emit(self, kind: str, /, **fields: Any) -> None:
        super().emit(kind, **fields)
        if kind != "epoch":
            return
        self.n_workers.append(sum("RayTrainWorker" in name for name in map(_command, psutil.Process().children(True))))
        n_alone = self.n_workers.count(1)
        if len(self.n_workers) == 3:
            self._nodes.remove_node(next(iter(self._nodes.worker_nodes)), allow_graceful=False)
        if n_alone == 3 and self.n_workers[-1] == 1:
            self._nodes.add_node(num_cpus=1)
        if n_alone and self.n_workers[-3:] == [2, 2, 2]:
            self._stop.touch()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def losses(heard: Heard) -> list[float]:
    return [fields["valid_loss"] for kind, fields in heard.events if kind == "epoch"]


def test_a_training_goes_on_with_fewer_workers_and_with_more_again(
    adult_income: Encoded, nodes: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ray, "RESIZE_S", 1.0)
    # A convex loss: in others the rounding of sums, which differs with the number of workers, grows with the epochs.
    spec: dict[str, Any] = {"family": "linear", "batch_size": 8, "lr": 1e-4, "early_stopping": None}
    heard, alone = Weather(nodes, tmp_path / "2/stop"), Heard()
    with pytest.raises(Cancelled):
        adult_income.fit(tmp_path / "2", **spec, epochs=2000, compute={"workers": (1, 2)}, events=heard)
    adult_income.fit(tmp_path / "0", **spec, epochs=len(heard.epochs()), events=alone)
    assert heard.epochs() == alone.epochs()
    assert losses(heard) == pytest.approx(losses(alone), rel=1e-5)
    assert heard.n_workers[0] == 2  # and 1 in between, or `heard` would not have ended the training

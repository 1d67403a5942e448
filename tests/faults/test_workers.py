"""Ray workers under `assay run`: one is killed, rank 0 is, too many are, the driver is, somebody asks for the end.

Killed by pid; the undisturbed run is the oracle. `pytest -m slow tests/faults`, or `make faults`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.ledger import Ledger
from tests.faults.test_kill import check_history, events, finish, mlflow_counts, start

pytestmark = pytest.mark.slow
TWO = ("--set", "compute.workers=2", "--set", "training.early_stopping=null", "--set", "training.epochs=300")


def workers(child: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of the ranks, in the order in which they were started."""
    found = []
    for process in psutil.Process(child.pid).children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.create_time())


def n_epochs(home: Path) -> int:
    return sum(event["kind"] == "epoch" for event in events(home))


def wait_for_epochs(child: subprocess.Popen[str], home: Path, more_than: int, seconds: float = 120) -> float:
    started = time.monotonic()
    while n_epochs(home) <= more_than:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


def losses(result: dict[str, Any]) -> list[float]:
    return [epoch["valid_loss"] for epoch in result["model"]["epochs"]]


def left(pids: list[int], seconds: float = 20) -> list[list[str]]:
    """The commands of those that still run after so long."""
    deadline = time.monotonic() + seconds
    while (alive := [command for pid in pids if (command := _command(pid))]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive


def _command(pid: int) -> list[str]:
    """Empty for a process that is gone, or dead and not yet buried by whoever inherited it."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, small_adult: Any) -> list[float]:
    """The losses of the same training, in one process that nobody disturbs."""
    import pyarrow.parquet as pq

    from tests.conftest import SPEC

    folder = tmp_path_factory.mktemp("undisturbed")
    pq.write_table(small_adult, folder / "small.parquet")
    (folder / "small.yaml").write_text(SPEC)
    return losses(finish(folder / "home", folder / "small.yaml", *TWO[2:]))


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_worker_costs_seconds_and_no_step_is_lost_or_doubled(
    rank: int, home: Path, spec_path: Path, undisturbed: list[float]
) -> None:
    child = start(home, spec_path, *TWO, "--json")
    wait_for_epochs(child, home, 5)
    workers(child)[rank].send_signal(signal.SIGKILL)
    before = n_epochs(home)
    print(f"next epoch after {wait_for_epochs(child, home, before + 2, 30):.1f} s")
    output, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors + output
    result = finish(home, spec_path, *TWO)
    assert result["reused"]
    assert losses(result) == pytest.approx(undisturbed, rel=1e-4)
    steps = [event["epoch"] for event in events(home) if event["kind"] == "epoch"]
    assert steps == list(range(1, 301))
    check_history(home)
    assert mlflow_counts(home) == (1, 1)


def test_more_deaths_than_allowed_fail_the_run_with_the_cause_and_leave_nothing(home: Path, spec_path: Path) -> None:
    child = start(home, spec_path, *TWO, "--set", "compute.max_failures=0", "--set", "training.epochs=100000")
    wait_for_epochs(child, home, 3)
    family = [process.pid for process in psutil.Process(child.pid).children(recursive=True)]
    workers(child)[1].send_signal(signal.SIGKILL)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 4, output
    assert "compute.max_failures: 0" in errors
    [row] = Ledger(home).runs()
    assert row.state == "failed"
    assert "a worker's process died" in row.reason
    assert left(family) == []

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert run.info.status == "FAILED"


def test_a_killed_driver_takes_its_workers_along_and_the_same_command_goes_on(
    home: Path, spec_path: Path, undisturbed: list[float]
) -> None:
    child = start(home, spec_path, *TWO)
    wait_for_epochs(child, home, 5)
    family = [process.pid for process in psutil.Process(child.pid).children(recursive=True)]
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert left(family, 60) == []  # Ray's own agents ask now and then whether their node lives
    result = finish(home, spec_path, *TWO)
    assert losses(result) == pytest.approx(undisturbed, rel=1e-4)
    assert [event["text"] for event in events(home) if event["kind"] == "notice" and "goes on" in event["text"]]
    check_history(home)
    assert mlflow_counts(home) == (1, 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_training_by_workers_with_a_checkpoint(
    number: int, code: int, home: Path, spec_path: Path
) -> None:
    child = start(home, spec_path, *TWO, "--set", "training.epochs=100000")
    wait_for_epochs(child, home, 3)
    family = [process.pid for process in psutil.Process(child.pid).children(recursive=True)]
    os.kill(child.pid, number)
    output, errors = child.communicate(timeout=30)
    assert child.returncode == code, errors + output
    assert Ledger(home).runs()[0].state == "cancelled"
    assert list((home / "checkpoints").glob("*/checkpoints/*/*/manifest.json"))
    assert left(family) == []

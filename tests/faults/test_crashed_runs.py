"""kill -9, and any command of ours afterwards says so in MLflow; the same command ends the same MLflow run well."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay import pipeline
from assay.ledger import Ledger, RunRow
from tests.faults.test_kill import finish, kill_when, start

LONG = ("--set", "training.early_stopping=null", "--set", "training.epochs=100000")


def row_of(home: Path, name: str) -> RunRow | None:
    return next((row for row in Ledger(home).runs() if row.name == name), None)


def known_to_mlflow(home: Path, name: str) -> bool:
    """Whether a run trains and MLflow has been told."""
    row = row_of(home, name)
    if row is None or not (Ledger(home).folder(row.run_id) / "relay.json").is_file():
        return False
    return any(event["kind"] == "epoch" for event in Ledger(home).events(row.run_id))


def shown(home: Path, name: str) -> Any:
    """The one MLflow run of a spec."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    return run


@pytest.fixture
def other(home: Path, spec_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that lives."""
    child = start(home, spec_path, *LONG, "--set", "name=alive")
    yield child
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)


@pytest.mark.parametrize("command", ["status", "sync"])
def test_a_killed_run_fails_in_mlflow_a_living_one_does_not_and_both_can_end_well(
    command: str, other: subprocess.Popen[str], home: Path, spec_path: Path, assay: Callable[..., Any]
) -> None:
    spec_path.write_text(spec_path.read_text().replace("epochs: 3", "epochs: 60"))
    killed = start(home, spec_path)
    kill_when(killed, lambda: known_to_mlflow(home, "small") and known_to_mlflow(home, "alive"))
    before = shown(home, "small")
    assert before.info.status == "RUNNING"

    assert assay(command).returncode == 0

    run = shown(home, "small")
    assert (run.info.run_id, run.info.status) == (before.info.run_id, "FAILED")
    assert run.data.tags["assay.outcome"] == "crashed"
    assert f"Process {killed.pid} ended without a word" in run.data.tags["assay.reason"]
    assert shown(home, "alive").info.status == "RUNNING"
    assert other.poll() is None
    assert pipeline.reconcile(home=home) == ()

    assert finish(home, spec_path)["outcome"] == "promoted"

    run = shown(home, "small")
    assert (run.info.run_id, run.info.status) == (before.info.run_id, "FINISHED")
    assert run.data.tags["assay.outcome"] == "promoted"
    assert "without a word" not in run.data.tags["assay.reason"] + run.data.tags["mlflow.note.content"]
    assert row_of(home, "small").state == "finished"  # type: ignore[union-attr]


def test_a_new_run_of_something_else_says_so_too_and_the_same_run_is_only_taken_up(home: Path, spec_path: Path) -> None:
    spec_path.write_text(spec_path.read_text().replace("epochs: 3", "epochs: 60"))
    kill_when(start(home, spec_path), lambda: known_to_mlflow(home, "small"))
    assert finish(home, spec_path.rename(spec_path.with_name("other.yaml")), "--set", "name=other")["outcome"]
    assert shown(home, "small").info.status == "FAILED"
    assert shown(home, "other").info.status == "FINISHED"


def test_what_is_held_by_another_process_is_left_alone(home: Path) -> None:
    ledger = Ledger(home)
    row = ledger.begin("spec", "key", "spec.yaml")  # this process never ends it, as if it had been killed
    with ledger.lock("run-key"):
        pid = os.fork()
        if pid == 0:
            os._exit(len(pipeline.reconcile(home=home)))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert ledger.run(row.run_id).ended is None

"""kill -9 at any stage, then the same command: finished stages are reused, one MLflow run, one model version."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.ledger import Ledger, read_events

STAGES = (
    "ingest",
    "validate",
    "split",
    "preprocess",
    "encode",
    "train",
    "predict",
    "audit",
    "decide",
    "report",
    "register",
)


def events(home: Path) -> Iterator[dict[str, Any]]:
    for path in (home / "runs").glob("*/events.jsonl"):
        yield from read_events(path)


def start(home: Path, spec_path: Path, *args: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("assay")), "run", str(spec_path), "--orchestrator", "none", *args]
    env = os.environ | {"ASSAY_HOME": str(home)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_when(child: subprocess.Popen[str], seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not seen():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.communicate()


def finish(home: Path, spec_path: Path, *args: str) -> dict[str, Any]:
    child = start(home, spec_path, "--json", *args)
    output, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    data: dict[str, Any] = json.loads(output)
    return data


def check_history(home: Path) -> None:
    """One run, every committed stage ran once, event numbers and metric steps without gaps."""
    rows = Ledger(home).runs()
    assert [row.state for row in rows] == ["finished"]
    log = list(Ledger(home).events(rows[0].run_id))
    assert [event["seq"] for event in log] == list(range(len(log)))
    ran = Counter(event["stage"] for event in log if event["kind"] == "stage_committed" and not event["reused"])
    assert set(ran.values()) == {1}, ran


def mlflow_counts(home: Path, name: str = "small") -> tuple[int, int]:
    """How many MLflow runs and model versions there are, asked from MLflow itself."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments() if each.name == name]
    return len(client.search_runs(experiments)), len(client.search_model_versions(f"name='{name}'"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_in_any_stage_is_mended_by_the_same_command(stage: str, home: Path, spec_path: Path) -> None:
    child = start(home, spec_path)
    kill_when(child, lambda: any(e["kind"] == "stage_started" and e["stage"] == stage for e in events(home)))
    assert Ledger(home).runs()[0].state == "crashed"
    result = finish(home, spec_path)
    assert result["outcome"] == "promoted"
    reused = {record["name"] for record in result["stages"] if record["reused"]}
    assert set(STAGES[: STAGES.index(stage)]) <= reused
    check_history(home)
    assert mlflow_counts(home) == (1, 1)


def test_a_training_that_was_killed_goes_on_from_its_last_checkpoint_to_the_same_model(
    home: Path, spec_path: Path, tmp_path: Path
) -> None:
    spec_path.write_text(spec_path.read_text().replace("epochs: 3", "epochs: 40"))
    child = start(home, spec_path)
    kill_when(child, lambda: sum(event["kind"] == "epoch" for event in events(home)) >= 5)
    resumed = finish(home, spec_path)
    undisturbed = finish(tmp_path / "other", spec_path)
    assert resumed["model"]["weights"]["sha256"] == undisturbed["model"]["weights"]["sha256"]
    assert [epoch["epoch"] for epoch in resumed["model"]["epochs"]] == [
        e["epoch"] for e in undisturbed["model"]["epochs"]
    ]
    check_history(home)
    assert mlflow_counts(home) == (1, 1)


def test_the_same_command_twice_at_once_has_one_winner(home: Path, spec_path: Path) -> None:
    children = [start(home, spec_path) for _ in range(3)]
    codes = sorted(child.wait(timeout=120) for child in children)
    messages = [child.communicate()[1] for child in children]
    assert codes == [0, 4, 4], messages
    assert sum("right now" in message for message in messages) == 2
    check_history(home)
    assert mlflow_counts(home) == (1, 1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_in_order_and_it_can_be_taken_up(
    number: int, code: int, home: Path, spec_path: Path
) -> None:
    spec_path.write_text(spec_path.read_text().replace("epochs: 3", "epochs: 400"))
    child = start(home, spec_path)
    deadline = time.monotonic() + 90
    while not any(event["kind"] == "epoch" for event in events(home)):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(number)
    assert child.wait(timeout=30) == code, child.communicate()
    child.communicate()
    row = Ledger(home).runs()[0]
    assert row.state == "cancelled"
    assert list((home / "checkpoints").glob("*/*"))

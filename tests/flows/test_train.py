"""A run as a Prefect flow: what Prefect shows is what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import assay_flows
from assay import local
from assay.errors import ValidationFailed
from assay_flows import Trained

from .conftest import Ask, First, drain


def run(spec: Path, home: Path, *overrides: str) -> Trained:
    api = local.find_api(home)
    assert api is not None
    return assay_flows.run_training(spec, api=api, home=home, overrides=overrides)


def flow_run_id(url: str) -> str:
    return url.rpartition("/")[2]


def flow_run(ask: Ask, **want: Any) -> dict[str, Any]:
    found: list[dict[str, Any]] = ask("flow_runs", flow_runs=want, sort="START_TIME_DESC")
    return found[0]


def tasks(ask: Ask, run_id: str) -> dict[str, dict[str, Any]]:
    """The task runs of a flow run by name; they reach the server as events, a moment after the flow."""
    deadline = time.monotonic() + 20
    while True:
        found = ask("task_runs", flow_runs={"id": {"any_": [run_id]}})
        if (found and all(each["state_type"] == "COMPLETED" for each in found)) or time.monotonic() > deadline:
            return {each["name"]: each for each in found}
        time.sleep(0.2)


@pytest.fixture
def child(home: Path, spec_path: Path, ask: Ask) -> Any:
    """A run in a process of its own that has begun and would go on for minutes."""
    name = f"endless-{time.monotonic_ns()}"
    command = [str(Path(sys.executable).with_name("assay")), "run", str(spec_path), "--orchestrator", "prefect"]
    command += ["--set", "training.epochs=100000", "--set", "training.early_stopping=null", "--set", f"name={name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        seen: set[str] = set()
        while "train" not in seen:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
            events = [path.read_text() for path in (home / "runs").glob(f"{name}-*/events.jsonl")]
            seen = {"train"} if any('"kind": "epoch"' in text for text in events) else set()
        yield process
        process.kill()


def test_a_promoted_run_is_completed_and_each_stage_is_a_task(first: First, ask: Ask) -> None:
    result = first.trained.result
    assert result.outcome == "promoted"
    shown = flow_run(ask, id={"any_": [flow_run_id(first.trained.url)]})
    assert (shown["name"], shown["state_type"], shown["state_name"]) == ("first", "COMPLETED", "Promoted")
    assert shown["state"]["message"] == result.decision.reason
    assert set(tasks(ask, shown["id"])) == {stage.name for stage in result.stages}


def test_tasks_are_linked_as_hand_offs_are(first: First, ask: Ask) -> None:
    shown = tasks(ask, flow_run_id(first.trained.url))
    before = {each["id"]: name for name, each in shown.items()}

    def feeds(name: str) -> set[str]:
        return {before[given["id"]] for given in shown[name]["task_inputs"]["wait_for"]}

    assert feeds("validate") == {"ingest"}
    assert feeds("preprocess") >= {"split"}
    assert feeds("train") >= {"encode", "preprocess"}
    assert {"evaluate", "audit"} <= feeds("decide")


def test_the_decision_is_an_artifact_of_the_flow_run(first: First, ask: Ask) -> None:
    found = ask("artifacts", artifacts={"flow_run_id": {"any_": [flow_run_id(first.trained.url)]}})
    assert [artifact["key"] for artifact in found] == ["decision-first-run"]
    for gate in first.trained.result.decision.gates:
        assert gate.verdict in found[0]["data"]
        assert gate.title in found[0]["data"]


def test_lines_of_the_run_are_in_the_log_of_the_flow_run(first: First, ask: Ask) -> None:
    run_id = flow_run_id(first.trained.url)
    deadline = time.monotonic() + 20
    lines: list[str] = []
    while not any("train: done" in line for line in lines) and time.monotonic() < deadline:
        time.sleep(0.5)
        lines = [each["message"] for each in ask("logs", logs={"flow_run_id": {"any_": [run_id]}})]
    assert any(line.startswith("epoch 3/3") for line in lines)
    assert any(line.startswith("train: done") for line in lines)


def test_a_run_that_changes_nothing_is_shown_as_cached(first: First, home: Path, ask: Ask) -> None:
    again = run(first.spec, home)
    assert again.result.reused
    assert {each["state_name"] for each in tasks(ask, flow_run_id(again.url)).values()} == {"Cached"}


def test_a_refused_model_is_a_completed_flow_that_says_refused(first: First, home: Path, ask: Ask) -> None:
    trained = run(first.spec, home, "gates.0.at_least=0.999")
    assert trained.result.outcome == "refused"
    shown = flow_run(ask, id={"any_": [flow_run_id(trained.url)]})
    assert (shown["state_type"], shown["state_name"]) == ("COMPLETED", "Refused")


def test_bad_data_fail_the_flow_with_the_message_that_a_person_gets(spec_path: Path, home: Path, ask: Ask) -> None:
    with pytest.raises(ValidationFailed) as raised:
        run(spec_path, home, "validation.expectations.0.max=20", "name=bad")
    shown = flow_run(ask, state={"type": {"any_": ["FAILED"]}})
    assert str(raised.value).splitlines()[0] in shown["state"]["message"]


def test_what_prefect_stores_is_json(home: Path) -> None:
    for path in (home / "prefect" / "storage").rglob("*"):
        assert path.is_dir() or json.loads(path.read_bytes())


def test_a_killed_run_is_called_crashed_by_the_next_one(
    child: subprocess.Popen[str], first: First, home: Path, ask: Ask
) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()
    left = flow_run(ask, state={"type": {"any_": ["RUNNING"]}})
    run(first.spec, home)
    shown = flow_run(ask, id={"any_": [left["id"]]})
    assert shown["state_type"] == "CRASHED"
    assert str(child.pid) in shown["state"]["message"]


def test_a_run_that_is_told_to_end_is_cancelled_and_says_143(child: subprocess.Popen[str], ask: Ask) -> None:
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM, errors
    assert "Traceback" not in errors
    shown = flow_run(ask)
    assert shown["state_type"] == "CANCELLED"


@pytest.mark.slow
def test_a_killed_run_is_called_crashed_by_the_server_alone(child: subprocess.Popen[str], ask: Ask) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()
    left = flow_run(ask, state={"type": {"any_": ["RUNNING"]}})
    deadline = time.monotonic() + 150
    while flow_run(ask, id={"any_": [left["id"]]})["state_type"] != "CRASHED":
        assert time.monotonic() < deadline
        time.sleep(2)
    assert os.path.exists(f"/proc/{child.pid}") is False


@pytest.mark.slow
def test_a_prefect_that_dies_meanwhile_costs_the_run_nothing(first: First, home: Path, ask: Ask) -> None:
    name = f"alone-{time.monotonic_ns()}"
    command = [str(Path(sys.executable).with_name("assay")), "run", str(first.spec), "--orchestrator", "prefect"]
    command += ["--set", "training.epochs=100", "--set", "training.early_stopping=null", "--set", f"name={name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not any('"kind": "epoch"' in path.read_text() for path in (home / "runs").glob(f"{name}-*/events.jsonl")):
            time.sleep(0.2)
        left = flow_run(ask, state={"type": {"any_": ["RUNNING"]}})
        drain()
        os.kill(json.loads((home / "servers.json").read_text())["prefect"]["pid"], signal.SIGKILL)
        output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert "no longer answers" in output
    assert "Traceback" not in errors
    local.up(home)
    subprocess.run([*command[:5]], capture_output=True, check=True)
    assert flow_run(ask, id={"any_": [left["id"]]})["state_type"] == "CRASHED"

"""Schedules on a real Prefect API, run by a real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

import assay_flows
from assay import local
from assay.errors import AssayError

from .conftest import Ask, First

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


def env(home: Path) -> dict[str, str]:
    api = local.find_api(home)
    assert api is not None
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5", "DO_NOT_TRACK": "1"}
    return os.environ | quick | {"PREFECT_API_URL": api, "ASSAY_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}


def assay(home: Path, *words: str) -> dict[str, Any]:
    command = [str(BIN / "assay"), "schedule", *words, "--json"]
    done = subprocess.run(command, env=env(home), capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"exit_code": done.returncode}


@contextmanager
def worker(home: Path) -> Iterator[psutil.Process]:
    command = [str(BIN / "prefect"), "worker", "start", "--pool", "assay", "--type", "process"]
    with (
        open(home / "worker.log", "ab") as log,
        subprocess.Popen(command, env=env(home), stdout=log, stderr=log) as run,
    ):
        process = psutil.Process(run.pid)
        try:
            yield process
        finally:
            children = process.children(recursive=True) if process.is_running() else []
            run.terminate()
            run.wait(60)
            for child in children:
                if child.is_running():
                    child.kill()


def until(condition: Callable[[], Any], home: Path, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, (home / "worker.log").read_text()[-3000:]
        time.sleep(0.5)
    return found


def start(ask: Ask, home: Path, name: str) -> str:
    """A run of a schedule now, as the page of Prefect starts one."""
    [deployment] = [each for each in ask("deployments") if each["name"] == name]
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    api = local.find_api(home)
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        return str(client.create_flow_run_from_deployment(deployment["id"]).id)


def run_of(ask: Ask, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ask("flow_runs", flow_runs={"id": {"any_": [run_id]}})[0]
    return found


def test_a_schedule_is_made_changed_paused_listed_and_removed(first: First, home: Path, ask: Ask) -> None:
    about: dict[str, Any] = {"api": local.find_api(home), "home": home}
    words = {"spec": str(first.spec), "home": str(home), "overrides": []}
    for cron in ("0 3 * * *", "30 4 * * 1"):  # the second one changes the first
        assay_flows.schedule("train", "nightly", cron=cron, timezone="Europe/Berlin", parameters=words, **about)
    [found] = [each for each in assay_flows.schedules(**about) if each.name == "nightly"]
    assert (found.flow, found.what, found.cron, found.timezone) == (
        "train", str(first.spec), "30 4 * * 1", "Europe/Berlin",
    )  # fmt: skip
    [deployment] = [each for each in ask("deployments") if each["name"] == "nightly"]
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assay_flows.pause("nightly", **about)
    assert [each.paused for each in assay_flows.schedules(**about) if each.name == "nightly"] == [True]
    assay_flows.pause("nightly", paused=False, **about)
    assert [each.paused for each in assay_flows.schedules(**about) if each.name == "nightly"] == [False]
    assay_flows.unschedule("nightly", **about)
    assert "nightly" not in [each.name for each in assay_flows.schedules(**about)]
    with pytest.raises(AssayError, match="no schedule 'nightly'"):
        assay_flows.pause("nightly", **about)
    for cron, timezone in (("99 3 * * *", "UTC"), ("0 3 * * *", "Europe/Atlantis")):
        with pytest.raises(AssayError, match="five fields"):
            assay_flows.schedule("train", "never", cron=cron, timezone=timezone, parameters=words, **about)


@pytest.mark.slow
def test_a_worker_runs_what_is_due_to_its_end_and_one_run_at_a_time(first: First, home: Path, ask: Ask) -> None:
    found = assay(home, str(first.spec), "--cron", "* * * * *", "--set", "seed=7")
    assert "prefect worker start" in found["start_a_worker"]
    with worker(home):

        def ended() -> Any:
            runs = ask("flow_runs", flow_runs={"deployment_id": {"is_null_": False}})
            return [run for run in runs if run["auto_scheduled"] and run["state_type"] == "COMPLETED"]

        [run] = until(ended, home, 150)[:1]
        assert run["state_name"] in ("Promoted", "Refused", "Inconclusive")
        assert run["parameters"]["overrides"] == ["seed=7"]
        assay(home, "first_run", "--remove")
        slow = ("training.epochs=100000", "training.early_stopping=null", "name=slow")
        assay(home, str(first.spec), "--cron", "0 0 1 1 *", *(word for each in slow for word in ("--set", each)))
        one = start(ask, home, "slow")
        until(lambda: run_of(ask, one)["state_type"] == "RUNNING", home)
        two = start(ask, home, "slow")
        until(lambda: run_of(ask, two)["state_type"] == "CANCELLED", home)
        assert run_of(ask, one)["state_type"] == "RUNNING"
        pid = until(lambda: run_of(ask, one)["labels"].get("assay.pid"), home)
        psutil.Process(pid).kill()
        until(lambda: run_of(ask, one)["state_type"] == "CRASHED", home, 150)
        three = start(ask, home, "slow")  # the dead one holds no place
        until(lambda: run_of(ask, three)["state_type"] == "RUNNING", home)
    assay(home, "slow", "--remove")


@pytest.mark.slow
def test_a_run_whose_process_and_worker_died_at_once_is_ended_by_the_server(first: First, home: Path, ask: Ask) -> None:
    slow = ("training.epochs=100000", "training.early_stopping=null", "name=lonely")
    assay(home, str(first.spec), "--cron", "0 0 1 1 *", *(word for each in slow for word in ("--set", each)))
    with worker(home) as process:
        one = start(ask, home, "lonely")
        until(lambda: run_of(ask, one)["labels"].get("assay.pid"), home)
        for each in [process, *process.children(recursive=True)]:
            each.kill()
    dead = time.monotonic()
    until(lambda: run_of(ask, one)["state_type"] == "CRASHED", home, 150)
    assert time.monotonic() - dead < 120
    assay(home, "lonely", "--remove")


@pytest.mark.slow
def test_prefect_deploy_takes_the_file_and_a_worker_runs_what_it_deploys(
    first: First, home: Path, ask: Ask, tmp_path: Path
) -> None:
    prefect = str(BIN / "prefect")
    subprocess.run([prefect, "work-pool", "create", "assay", "--type", "process"], env=env(home), capture_output=True)
    command = [prefect, "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, env=env(home), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {"adult", "adult-search", "adult-score"}
    assert names <= {each["name"] for each in ask("deployments")}
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    [score] = [each for each in ask("deployments") if each["name"] == "adult-score"]
    words = {
        "model": "first_run@champion",
        "data": str(first.spec.parent / "small.parquet"),
        "out": f"{tmp_path}/{{date}}",
    }
    with temporary_settings({PREFECT_API_URL: local.find_api(home)}), get_client(sync_client=True) as client:
        run_id = str(client.create_flow_run_from_deployment(score["id"], parameters=words).id)
    with worker(home):
        until(lambda: run_of(ask, run_id)["state_type"] == "COMPLETED", home)
    [folder] = tmp_path.iterdir()
    assert json.loads((folder / "_scoring.json").read_text())["done"]
    for name in names:
        assay(home, name, "--remove")

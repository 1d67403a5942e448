"""`apply.py` against a real Prefect server: what the chart gives it, and what compose.yaml gives it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.helm.live import Live, live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PREFECT = Path(__file__).parents[2] / "infra/prefect"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The Prefect of the chart, on a file for a database."""
    release = live(tmp_path_factory.mktemp("release"), postgres=0)
    [data] = [each["data"] for each in release.objects if each["kind"] == "ConfigMap" and "job.yaml" in each["data"]]
    (release.folder / "deployments").mkdir()
    for name, text in data.items():
        (release.folder / "deployments" / name).write_text(text)
    database = f"sqlite+aiosqlite:///{release.folder / 'prefect.db'}"
    health = release.here("http://demo-assay-prefect:4200/api/health")
    with release.running("Deployment demo-assay-prefect", health, PREFECT_SERVER_DATABASE_CONNECTION_URL=database):
        yield release


def owner(release: Live) -> str:
    """The Job that applies: its name ends in what it applies."""
    [name] = [
        each["metadata"]["name"]
        for each in release.objects
        if each["kind"] == "Job" and "-deployments-" in each["metadata"]["name"]
    ]
    return f"Job {name}"


def ask(release: Live, path: str) -> list[dict[str, Any]]:
    env = release.env(owner(release))
    user, _, password = env["PREFECT_API_AUTH_STRING"].partition(":")
    with httpx.Client(base_url=env["PREFECT_API_URL"], auth=(user, password), trust_env=False) as client:
        token = client.get("/csrf-token", params={"client": "test"}).json()["token"]
        headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
        found: list[dict[str, Any]] = client.post(f"{path}/filter", json={}, headers=headers).raise_for_status().json()
        return found


def test_what_the_chart_asks_for_is_there_once_however_often_it_is_applied(server: Live) -> None:
    for _ in range(2):
        done = server.run(owner(server))
        assert done.returncode == 0, done.stdout + done.stderr
    [pool] = ask(server, "/work_pools")
    assert (pool["name"], pool["type"]) == ("demo-assay", "kubernetes")
    manifest = pool["base_job_template"]["job_configuration"]["job_manifest"]
    assert manifest["spec"]["template"]["spec"]["containers"][0]["image"] == "assay:0.1.0"
    [deployment] = ask(server, "/deployments")
    assert deployment["entrypoint"] == "assay_flows.train.assay_train"
    assert deployment["work_pool_name"] == "demo-assay"
    assert deployment["parameters"]["spec"] == "/etc/assay/specs/adult.yaml"
    [schedule] = deployment["schedules"]
    assert schedule["schedule"]["cron"] == "0 3 * * *"
    automations = {each["name"]: each for each in ask(server, "/automations")}
    assert set(automations) == {"assay: late", "assay: crashed", "assay: failed three times"}
    [pause] = automations["assay: failed three times"]["actions"]
    assert pause["type"] == "pause-deployment"


def test_a_webhook_is_told_where_there_is_one(server: Live) -> None:
    done = server.run(owner(server), ASSAY_ALERT_WEBHOOK="https://alerts.example.com/hook")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(ask(server, "/automations")) == 3
    for each in ask(server, "/automations"):
        assert each["actions"][-1]["type"] == "call-webhook"


def test_the_files_for_one_machine_are_applied_too(server: Live, tmp_path: Path) -> None:
    said = yaml.safe_load((PREFECT / "deployments.yaml").read_text())
    apply = [sys.executable, PREFECT / "apply.py", PREFECT / "deployments.yaml", PREFECT / "automations.yaml"]
    env = server.env(owner(server))
    done = subprocess.run(apply, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (said["pool"]["name"], "process") in {(pool["name"], pool["type"]) for pool in ask(server, "/work_pools")}
    assert {"nightly", "adult"} == {each["name"] for each in ask(server, "/deployments")}


def test_no_password_is_written_into_the_template_of_a_run(server: Live) -> None:
    password = server.env(owner(server))["PREFECT_API_AUTH_STRING"].partition(":")[2]
    assert password not in yaml.safe_dump(ask(server, "/work_pools"))

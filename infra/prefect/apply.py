"""Make Prefect's work pool, deployments and automations as two YAML files say; safe to repeat.

Usage: `python apply.py deployments.yaml automations.yaml`.
Where `ASSAY_ALERT_WEBHOOK` is set, each automation also tells that address.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from assay_flows import _crashes, _schedules

WEBHOOK = "assay-alerts"


def main(deployments: Path, automations: Path) -> None:
    """Apply both files."""
    _crashes.reconcile()  # and the automation that ends runs whose heartbeat stopped
    said = yaml.safe_load(deployments.read_text())
    pool(said["pool"], deployments.parent)
    for each in said["deployments"] or []:
        deploy(each, said["pool"]["name"])
    for each in yaml.safe_load(automations.read_text()):
        automate(each)


def pool(said: dict[str, Any], folder: Path) -> None:
    """The work pool, made or brought up to date. Without a template of its own it has that of its type."""
    template = said.get("base_job_template")
    given = {"base_job_template": yaml.safe_load((folder / template).read_text())} if template else {}
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(said["name"])
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=said["name"], type=said["type"], **given))
        else:
            client.update_work_pool(said["name"], WorkPoolUpdate(**given))
    print(f"work pool {said['name']}")


def deploy(said: dict[str, Any], pool: str) -> None:
    """One deployment: a flow (`train`, `search` or `score`; `train` where none is named), and when it runs."""
    given = said.get("parameters") or {"spec": said["spec"], "overrides": said.get("overrides") or []}
    parameters = {"home": said["home"], **given}
    when = (said.get("cron") or "", said.get("timezone") or "UTC")
    _schedules.put(said.get("flow", "train"), said["name"], *when, parameters, pool)
    print(f"deployment {said['name']}")


def automate(said: dict[str, Any]) -> None:
    """One automation, by its name."""
    wanted = Automation.model_validate({**said, "actions": [*said["actions"], *alert(said["description"])]})
    try:
        there = Automation.read(name=said["name"])
    except ValueError:  # it says so, and not ObjectNotFound, where there is none of that name
        wanted.create()
    else:
        wanted.id = there.id
        wanted.update()
    print(f"automation {said['name']}")


def alert(text: str) -> list[dict[str, Any]]:
    """The action that calls the webhook, where there is one."""
    address = os.environ.get("ASSAY_ALERT_WEBHOOK", "")
    if not address:
        return []
    block = Webhook(method="POST", url=address).save(WEBHOOK, overwrite=True)
    payload = f'{{"text": "{text}: {{{{ flow_run.name }}}}"}}'
    return [{"type": "call-webhook", "block_document_id": str(block), "payload": payload}]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

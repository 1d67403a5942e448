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
from prefect.deployments.runner import EntrypointType
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron

from assay_flows.train import assay_train

WEBHOOK = "assay-alerts"


def main(deployments: Path, automations: Path) -> None:
    """Apply both files."""
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
    """One deployment of the training flow: a spec, and when to run it."""
    deployment = assay_train.to_deployment(
        name=said["name"],
        schedule=Cron(said["cron"], timezone=said.get("timezone", "UTC")) if said.get("cron") else None,
        parameters={"spec": said["spec"], "home": said["home"], "overrides": said.get("overrides") or []},
        concurrency_limit=1,  # a run that takes longer than its interval is not overtaken by the next
        work_pool_name=pool,
        # By name: the image has the package, and no copy of the code is kept anywhere else.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    deployment.apply()
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

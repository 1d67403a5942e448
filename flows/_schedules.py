"""Deployments: which flow runs when. Made, listed, paused and removed on a running Prefect API.

At most one run of a schedule at a time: one that comes due while the last still goes is cancelled, and says so. So of
several that were missed while no worker ran, one is made up for, since the others would read the same data.
"""

from __future__ import annotations

import importlib
from typing import Any, cast
from zoneinfo import ZoneInfo

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import EntrypointType, RunnerDeployment  # type: ignore[attr-defined]
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron

from assay.errors import AssayError
from assay_flows import POOL, Schedule, _crashes

FLOWS = {"train": "assay_train", "search": "assay_search", "score": "assay_score"}
ONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
WAITING = ["Scheduled", "Late"]


def put(kind: str, name: str, cron: str, timezone: str, parameters: dict[str, Any], pool: str = POOL) -> None:
    """Make the schedule called `name`, or change it into this one. Raises AssayError for a wrong time."""
    try:
        ZoneInfo(timezone)
        when = Cron(cron, timezone=timezone) if cron else None
    except (ValueError, LookupError, OSError) as error:
        raise AssayError(
            f"--cron {cron!r} --timezone {timezone!r}: {error}. Allowed: five fields (minute, hour, day of the month, "
            "month, day of the week), as in '0 3 * * *', and a name as in Europe/Berlin."
        ) from None
    flow = cast(Flow[..., Any], getattr(importlib.import_module(f"assay_flows.{kind}"), FLOWS[kind]))
    # By name of the module: whoever runs it has the package, and no copy of the code is kept anywhere else.
    how: dict[str, Any] = {"work_pool_name": pool, "entrypoint_type": EntrypointType.MODULE_PATH}
    made = flow.to_deployment(name, schedule=when, concurrency_limit=ONE, parameters=parameters, **how)
    cast(RunnerDeployment, made).apply()


def make_pool() -> None:
    """The pool that workers of this machine take runs from, and the automation that ends what died."""
    _crashes.reconcile()
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))


def has_worker() -> bool:
    """True when somebody takes runs from the pool."""
    with get_client(sync_client=True) as client:
        found = client.request(
            "POST", "/work_pools/{work_pool_name}/workers/filter", json={}, path_params={"work_pool_name": POOL}
        )
    return any(worker["status"] == "ONLINE" for worker in found.json())


def listed() -> tuple[Schedule, ...]:
    """Every schedule of a flow of ours, by name."""
    with get_client(sync_client=True) as client:
        return tuple(sorted((_schedule(client, each) for each in _deployments(client)), key=lambda each: each.name))


def switch(name: str, paused: bool) -> None:
    """Pause a schedule or let it go on; a paused one loses the runs that wait. Raises AssayError for an unknown one."""
    with get_client(sync_client=True) as client:
        for deployment in _named(client, name):
            (client.pause_deployment if paused else client.resume_deployment)(deployment.id)


def remove(name: str) -> None:
    """Remove a schedule and the runs that wait. Raises AssayError for an unknown one."""
    with get_client(sync_client=True) as client:
        for deployment in _named(client, name):
            for run in _waiting(client, deployment):
                client.delete_flow_run(run.id)
            client.delete_deployment(deployment.id)


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    return client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=_crashes.FLOWS)))


def _named(client: SyncPrefectClient, name: str) -> list[DeploymentResponse]:
    found = _deployments(client)
    if not any(each.name == name for each in found):
        known = ", ".join(sorted(each.name for each in found)) or "none yet"
        raise AssayError(f"There is no schedule {name!r}. There are: {known}.")
    return [each for each in found if each.name == name]


def _waiting(client: SyncPrefectClient, deployment: DeploymentResponse) -> list[FlowRun]:
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=WAITING))),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )


def _schedule(client: SyncPrefectClient, deployment: DeploymentResponse) -> Schedule:
    waiting = _waiting(client, deployment)
    crons = [each.schedule for each in deployment.schedules if isinstance(each.schedule, CronSchedule)]
    next_run = waiting[0].expected_start_time if waiting else None
    return Schedule(
        name=deployment.name,
        flow=str(deployment.entrypoint).rpartition(".")[2].removeprefix("assay_"),
        what=str((deployment.parameters or {}).get("spec") or (deployment.parameters or {}).get("model", "")),
        cron=", ".join(cron.cron for cron in crons),
        timezone=str(crons[0].timezone or "UTC") if crons else "",
        paused=bool(deployment.paused),
        next=next_run.isoformat() if next_run else "",
        n_late=sum(run.state_name == "Late" for run in waiting),
    )

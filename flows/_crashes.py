"""Flow runs whose process is gone must not stay Running for ever.

Two ways, because either may be absent: an automation of Prefect's server that calls a run crashed when its heartbeat
stops, and, at the start of every run of ours, a look at the processes of those that are still called Running.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta

import psutil
from prefect import runtime
from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import emit_event
from prefect.events.actions import ChangeFlowRunState
from prefect.states import Crashed

FLOW = "assay-train"
FLOWS = [FLOW, "assay-search", "assay-score", "assay-watch"]
BEAT = "prefect.flow-run.heartbeat"
BEAT_EVERY_S = 30.0
ENDS = ("Promoted", "Refused", "Inconclusive", "Completed", "Failed", "Cancelled", "Crashed")
SILENCE = timedelta(seconds=90)  # three beats
AUTOMATION = "assay: a run whose heartbeat stopped has crashed"


@contextmanager
def heartbeat() -> Iterator[None]:
    """Say who runs the current flow run, and that it is alive, until the block ends."""
    flow_run_id = runtime.flow_run.id
    resource = {
        "prefect.resource.id": f"prefect.flow-run.{flow_run_id}",
        "prefect.resource.name": runtime.flow_run.flow_name,
    }
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(flow_run_id, _process())
    over = threading.Event()

    def beat() -> None:
        while not over.is_set():
            emit_event(event=BEAT, resource=resource)
            over.wait(BEAT_EVERY_S)

    thread = threading.Thread(target=copy_context().run, args=(beat,), name="assay-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def reconcile() -> None:
    """Make sure of the automation, and call those flow runs of this machine crashed whose process is gone."""
    with get_client(sync_client=True) as client:
        for flow_run in _running(client):
            if _is_gone(flow_run):
                pid = flow_run.labels["assay.pid"]
                message = f"Process {pid} ended without a word. The same command goes on where it was."
                client.set_flow_run_state(flow_run.id, Crashed(message=message), force=True)
        wanted, found = _automation(), client.read_automations_by_name(AUTOMATION)
        if not found:
            client.create_automation(wanted)
        elif _watched(found[0]) != _watched(wanted):  # of an older assay, which had other flows
            client.update_automation(found[0].id, wanted)


def _watched(automation: AutomationCore) -> object:
    """Whose runs an automation is about. What else a server adds to it is no difference."""
    return automation.trigger.model_dump(mode="json").get("match_related")


def _process() -> dict[str, str | int | float]:
    pid = os.getpid()
    return {"assay.host": socket.gethostname(), "assay.pid": pid, "assay.started": psutil.Process(pid).create_time()}


def _running(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=FLOWS)),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING]))
        ),
        sort=FlowRunSort.START_TIME_DESC,
        limit=200,
    )


def _is_gone(flow_run: FlowRun) -> bool:
    """True when this machine ran it and its process is no more, or its id is somebody else's by now."""
    labels = flow_run.labels
    if labels.get("assay.host") != socket.gethostname():
        return False
    try:
        started = psutil.Process(int(labels["assay.pid"])).create_time()
    except psutil.NoSuchProcess:
        return True
    return bool(abs(started - float(labels["assay.started"])) > 2.0)


def _automation() -> AutomationCore:
    """After a heartbeat, expect another one or an end; where neither comes in time, the flow run has crashed."""
    ends = {f"prefect.flow-run.{state}" for state in ENDS}
    return AutomationCore(
        name=AUTOMATION,
        trigger=EventTrigger(
            after={BEAT},
            expect={BEAT, *ends},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOWS},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message="Its heartbeat stopped.", force=False)],
    )

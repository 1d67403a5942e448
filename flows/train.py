"""The training flow: one flow run per pipeline run, one task run per stage."""

from __future__ import annotations

import dataclasses
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect import State, flow, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_INTERNAL_LOGGING_LEVEL,
    temporary_settings,
)
from prefect.states import Cancelled, Completed

from assay import pipeline
from assay.errors import Cancelled as CancelledError
from assay.errors import ServersError
from assay.pipeline import RunResult
from assay.spec.loading import load_spec
from assay_flows import Listener, Trained, _crashes, _words

Step = Callable[..., Any]
SETTINGS: dict[Any, Any] = {
    # Prefect's own heartbeat makes every flow wait for a thread that sleeps whole seconds; ours does not.
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    PREFECT_CLIENT_MAX_RETRIES: 3,  # outlasts a server that is away for ten seconds, and gives up in half a minute
    PREFECT_INTERNAL_LOGGING_LEVEL: "CRITICAL",  # else a line for each event that a server did not take
}


@dataclass(slots=True)
class _Call:
    """What passes between `run` and the flow that it calls, beside the flow's parameters."""

    listen: Listener | None = None
    result: Any = None
    error: BaseException | None = None
    url: str = ""
    handler: Any = None


_call: ContextVar[_Call] = ContextVar("call")


def run(
    spec: Path, *, api: str, home: Path, overrides: tuple[str, ...], fresh: bool, listen: Listener | None
) -> Trained:
    """Call the flow in this process against `api`, and return what it came to."""
    call = _Call(listen=listen, handler=signal.getsignal(signal.SIGTERM))
    words = {"home": str(home), "overrides": list(overrides), "fresh": fresh}
    problem = called(call, api, lambda: assay_train(str(spec), **words, return_state=True))
    if problem is None:
        return Trained(result=call.result, url=call.url)
    # Prefect has missed the end of the run. The ledger has not, and the next run puts Prefect right.
    lost = f"Prefect at {api} no longer answers: it does not know how this run ended."
    return Trained(result=replace(call.result, warnings=(*call.result.warnings, lost)), url="", lost=True)


def called(call: _Call, api: str, begin: Callable[[], Any]) -> Exception | None:
    """Begin a flow in this process against `api`; what Prefect itself failed at, where the flow came to a result.

    Raises what the flow's work raised, and ServersError where Prefect did not let it begin.
    """
    token = _call.set(call)
    _hush()
    problem: Exception | None = None
    try:
        with temporary_settings(SETTINGS | {PREFECT_API_URL: api}):
            _crashes.reconcile()
            begin()
    except Exception as error:
        problem = error
    finally:
        _call.reset(token)
    if call.error is not None:
        raise call.error
    if call.result is None:
        raise ServersError(f"Prefect at {api} does not do what it is asked: {problem}") from problem
    return problem


@flow(
    name=_crashes.FLOW,
    flow_run_name=lambda: Path(runtime.flow_run.parameters["spec"]).stem,
    persist_result=False,
    result_serializer="json",
    validate_parameters=False,
)
def assay_train(
    spec: str, home: str | None = None, overrides: list[str] | None = None, fresh: bool = False
) -> State[Any]:
    """One YAML file takes real data to an audited, registered model."""

    def work(listen: Listener, wrap: Callable[[Step], Step]) -> RunResult:
        loaded = load_spec(spec, tuple(overrides or ()))
        return pipeline.run(loaded, home=Path(home) if home else None, listen=listen, wrap=wrap, fresh=fresh)

    result = watched(work)
    if isinstance(result, State):
        return result
    create_markdown_artifact(
        key=_words.artifact_key(result.name),
        markdown=_words.decision(result),
        description=f"{result.name}: {result.outcome}",
    )
    return Completed(name=result.outcome.capitalize(), message=result.decision.reason)


def watched(work: Callable[[Listener, Callable[[Step], Step]], Any]) -> Any:
    """Do the work of a flow run: its stages are tasks, its events lines of its log. A cancelled one is a State."""
    call = _call.get(None)
    if call is None:  # begun by a worker, so nobody else has looked after the runs that died
        _crashes.reconcile()
        call = _Call()
    heard: dict[str, dict[str, Any]] = {}
    try:
        with _told_by(call.handler), _crashes.heartbeat():
            call.url = runtime.flow_run.ui_url or ""
            call.result = work(_heard(call.listen, heard), lambda step: as_task(step, heard))
    except (CancelledError, KeyboardInterrupt) as error:
        call.error = error
        return Cancelled(message=str(error) or "interrupted")
    except BaseException as error:
        call.error = error
        raise
    return call.result


def as_task(step: Step, heard: Mapping[str, Mapping[str, Any]]) -> Step:
    """`step`, with each call a Prefect task run of the stage's name, linked to those whose hand-offs it takes.

    `heard` is what each stage said when it was committed. One that was reused is shown as Cached.
    """
    makers: dict[int, tuple[object, State[Any]]] = {}  # by identity; the hand-off is kept, so that no id comes twice

    def call(stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
        results: list[Any] = []

        @task(name=stage, task_run_name=stage, cache_policy=NO_CACHE, persist_result=False, result_serializer="json")
        def assay_stage() -> State[Any] | None:
            results.append(step(stage, function, *args, **surroundings))
            event = heard[stage]
            return Completed(name="Cached", message=event["reason"]) if event["reused"] else None

        given = [part for argument in args for part in _parts(argument)]
        before = {id(state): state for part in given if id(part) in makers for _, state in [makers[id(part)]]}
        state = assay_stage(return_state=True, wait_for=list(before.values()))
        if not results:
            state.result()  # raises what the stage raised
        for part in _parts(results[0]):
            makers.setdefault(id(part), (part, state))
        return results[0]

    return call


def _parts(handed: object) -> list[object]:
    """A hand-off and the hand-offs that are its fields: the folds of `Folds`, for one, are handed on one by one."""
    if not dataclasses.is_dataclass(handed):
        return []
    fields = (getattr(handed, field.name) for field in dataclasses.fields(handed))
    return [handed, *(value for value in fields if dataclasses.is_dataclass(value))]


def _heard(listen: Listener | None, heard: dict[str, dict[str, Any]]) -> Listener:
    """A listener that also writes to the flow run's log, and keeps in `heard` what each stage said at its commit."""
    logger = get_run_logger()

    def hear(event: dict[str, Any]) -> None:
        if event["kind"] == "stage_committed":
            heard[event["stage"]] = event
        line = _words.line(event)
        if line:
            logger.info(line)
        if listen is not None:
            listen(event)

    return hear


@contextmanager
def _told_by(handler: Any) -> Iterator[None]:
    """Give SIGTERM back to `handler`, that of before the flow: Prefect's calls a run crashed that was told to end."""
    ours = callable(handler) and threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, handler) if ours else None
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)


def _hush() -> None:
    """Keep Prefect out of the terminal, where assay speaks for itself. The logs of runs still go to Prefect."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).propagate = False
    for name in ("prefect.events", "EventsWorker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

"""The search flow: the chain up to the search, one task run per stage."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import State, flow, runtime
from prefect.states import Completed

from assay import pipeline
from assay.pipeline import SearchResult
from assay.spec.loading import load_spec
from assay_flows import Listener, _crashes
from assay_flows.train import Step, _Call, called, watched


def run(spec: Path, *, api: str, home: Path, overrides: tuple[str, ...], listen: Listener | None) -> SearchResult:
    """Call the flow in this process against `api`, and return what it came to."""
    call = _Call(listen=listen, handler=signal.getsignal(signal.SIGTERM))
    words: dict[str, Any] = {"home": str(home), "overrides": list(overrides)}
    problem = called(call, api, lambda: assay_search(str(spec), **words, return_state=True))
    result: SearchResult = call.result
    if problem is None:
        return result
    lost = f"Prefect at {api} no longer answers: it does not know how this search ended."
    return replace(result, warnings=(*result.warnings, lost))


@flow(
    name=_crashes.FLOWS[1],
    flow_run_name=lambda: Path(runtime.flow_run.parameters["spec"]).stem,
    persist_result=False,
    result_serializer="json",
    validate_parameters=False,
)
def assay_search(spec: str, home: str | None = None, overrides: list[str] | None = None) -> State[Any]:
    """Search the space of a spec."""

    def work(listen: Listener, wrap: Callable[[Step], Step]) -> SearchResult:
        loaded = load_spec(spec, tuple(overrides or ()))
        return pipeline.search(loaded, home=Path(home) if home else None, listen=listen, wrap=wrap)

    found = watched(work)
    if isinstance(found, State):
        return found
    best = found.search.best
    return Completed(name="Searched", message=f"trial {best.number}: {found.search.metric} {best.score:.4f}")

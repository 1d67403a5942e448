"""The watching flow: `assay watch` as a flow run, for a deployment that looks at new windows on a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import State, flow, runtime
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed

from assay import pipeline
from assay.pipeline import RunResult, WatchResult
from assay.spec.loading import load_spec
from assay_flows import _words
from assay_flows.train import watched

NAMES = {"QUIET": "Quiet", "FIRES": "Fires", "UNDECIDED": "Undecided"}


@flow(
    name="assay-watch",
    flow_run_name=lambda: str(runtime.flow_run.parameters["model"]),
    persist_result=False,
    result_serializer="json",
    validate_parameters=False,
)
def assay_watch(
    model: str,
    data: list[str],
    home: str,
    uri: str = "",
    retrain: str = "",
    rows: int = 0,
    time: str = "",
    every: str = "day",
    labels: str = "",
    id: str = "",
    overrides: list[str] | None = None,
) -> State[Any]:
    """Hold windows of later rows against what a model was trained on; train `retrain` anew where that fires.

    The stages of such a training are tasks of this flow run. It is Failed only where the training failed.
    """

    def work(listen: Any, wrap: Any) -> WatchResult:
        def train() -> RunResult:
            return pipeline.run(load_spec(retrain), home=Path(home), listen=listen, wrap=wrap)

        return pipeline.watch(
            model, data, rows=rows, time=time, every=every, labels=labels, id=id, overrides=overrides or (),  # type: ignore[arg-type]
            train=train if retrain else None, home=Path(home), uri=uri,
        )  # fmt: skip

    result = watched(work)
    if isinstance(result, State):
        return result
    create_markdown_artifact(
        key=_words.artifact_key(f"watch-{result.watched.name}"),
        markdown=_words.watch(result),
        description=f"{result.watched.name}: {result.watched.verdict.lower()}",
    )
    if result.retrained is not None and result.retrained.problem:
        return Failed(message=f"The rule fires, and the training failed: {result.retrained.problem}")
    return Completed(name=NAMES[result.watched.verdict], message=result.watched.reason)

"""What a run would do now: the chain is walked with a step that looks stages up and runs none.

A stage that would run hands on an `Unknown`; so does every stage that is given one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from assay import reporting, tracking
from assay.artifacts import Model, Silent, Source, TrainingArrays, from_json
from assay.ledger import Commit, Ledger
from assay.pipeline import _champion, _keys, _looks, _trials
from assay.pipeline._chain import chain
from assay.pipeline._links import Surroundings
from assay.pipeline._steps import UNCHANGED, ByKey, hit, returns, why
from assay.pipeline._types import PlannedStage
from assay.spec import Spec

# One all-reduce between two processes of one machine costs about this much and this much per megabyte of weights
# (measured with gloo). A step is only worth sharing when it costs much more.
SYNC_S, SYNC_S_PER_MB = 0.00022, 0.0006
START_S = 13.0  # Ray, its controller and two workers, until their first step (measured)


class Unknown:
    """The hand-off of a stage that has not run. Whatever is asked of it is unknown too; it is false."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def __getattr__(self, name: str) -> Any:
        return True if name == "passed" else Unknown(self.stage)

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Planner:
    """A step that plans. `stages` is the plan so far."""

    def __init__(self, spec: Spec, ledger: Ledger) -> None:
        self.spec, self.ledger = spec, ledger
        self.stages: list[PlannedStage] = []

    def step(self, stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
        """The stage's committed hand-off, or an Unknown."""
        last = self.ledger.latest(self.spec.name, stage)
        unknown = next(unknowns(args), None)
        if unknown is not None:
            return self._runs(stage, f"`{unknown.stage}` runs first and may give it something else", last)
        parts = _keys.parts_of(function, args, self.spec.root)
        commit = hit(self.ledger, stage, _keys.key_of(stage, parts))
        if commit is None:
            return self._runs(stage, why(self.ledger, self.spec.name, stage, parts), last)
        self._note(stage, False, UNCHANGED, commit)
        return from_json(returns(function), commit.artifact)

    def _runs(self, stage: str, reason: str, last: Commit | None) -> Unknown:
        self._note(stage, True, reason, last)
        return Unknown(stage)

    def _note(self, stage: str, will_run: bool, reason: str, last: Commit | None) -> None:
        seconds = last.seconds if last is not None else None
        self.stages.append(PlannedStage(name=stage, will_run=will_run, reason=reason, last_seconds=seconds))


def unknowns(value: Any) -> Iterator[Unknown]:
    """Every Unknown in a value, its fields and its items."""
    if isinstance(value, Unknown):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from unknowns(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from unknowns(item)


def worker_warning(spec: Spec, ledger: Ledger) -> str:
    """A sentence when more workers would be slower than one, judged by the step time of the last training."""
    n_workers = spec.compute.workers if isinstance(spec.compute.workers, int) else spec.compute.workers[1]
    last = ledger.latest(spec.name, "train")
    if n_workers < 2 or last is None:
        return ""
    model = from_json(Model, last.artifact)
    if not model.epochs or model.n_workers > 1:
        return ""
    encoded = ledger.latest(spec.name, "encode")
    if encoded is None:
        return ""
    n_steps = max(1, from_json(TrainingArrays, encoded.artifact).train.n_rows / spec.training.batch_size)
    step_s = min(epoch.seconds for epoch in model.epochs) / n_steps
    shared_s = step_s / n_workers + (SYNC_S + SYNC_S_PER_MB * model.n_parameters * 4 / 1e6) / spec.training.sync_every
    n_epochs = len(model.epochs)
    if START_S + shared_s * n_steps * n_epochs < 0.9 * step_s * n_steps * n_epochs:
        return ""
    return (
        f"{n_workers} workers would not be faster: a step of {spec.training.batch_size} rows takes "
        f"{step_s * 1e3:.2f} ms in one process and about {shared_s * 1e3:.2f} ms shared, and starting workers takes "
        f"about {START_S:.0f} s; the last training had {n_epochs} epochs of {n_steps:.0f} steps. What helps: a larger "
        f"training.batch_size, training.accumulate, or training.sync_every: 8."
    )


def planned(spec: Spec, source: Source, ledger: Ledger, table: Any) -> tuple[PlannedStage, ...]:
    """The plan of a run on `source`, with the champion as it was last seen. Asks no server."""
    planner = Planner(spec, ledger)
    around = Surroundings(
        home=ledger.home,
        store=ledger.store,
        events=Silent(),
        checkpoints=ByKey(ledger.home / "checkpoints"),
        find_champion=lambda model: (_champion.last_seen(spec, model.sha256, ledger), "") if model else (None, ""),
        look=lambda fold, model: _looks.next_look(ledger, fold, model),
        tracking_run=str,
        pages=reporting.Pages,
        uri="",
        server=tracking.server(ledger.home, spec.tracking.uri),
        searches=ByKey(ledger.home / "searches"),
        trainer=lambda snapshot, folds: _trials.trainer(spec, ledger.home, "", snapshot, folds),
        table=table,
    )
    chain(spec, source, planner.step, around)
    return tuple(planner.stages)

"""How a stage is called. A step takes a stage's name, its function and its arguments, and returns its hand-off.

Steps compose: `recorded(cached(direct))` looks a stage up before it runs it, commits what it returns, and writes down
what happened.
"""

from __future__ import annotations

import json
import sys
import time
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.artifacts import Events, blobs_in, from_json, to_json
from assay.ledger import Commit, Ledger
from assay.pipeline import _keys
from assay.pipeline._types import StageRecord

Step = Callable[..., Any]
LOCK_WAIT_S = 7 * 24 * 3600.0
UNCHANGED = "nothing it depends on has changed"


@dataclass(frozen=True, slots=True)
class ByKey:
    """A surrounding that differs by key: a folder that belongs to one execution of one stage."""

    root: Path


@dataclass(frozen=True, slots=True)
class Later:
    """A surrounding that is worked out when the stage runs, and not at all when it is reused."""

    make: Callable[[], Any]


@dataclass(slots=True)
class Progress:
    """What the steps of one run know together: the run, and the records of its stages so far."""

    ledger: Ledger
    name: str
    run_id: str
    root: Path
    events: Events
    fresh: bool = False
    records: list[StageRecord] = field(default_factory=list)


def direct(stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
    """Call the stage in this process."""
    return function(*args, **surroundings)


def cached(step: Step, progress: Progress) -> Step:
    """Look a stage up by its key before it is called, and commit what it returns.

    A hit needs its bytes: one whose objects are gone or changed is a miss. Of two processes that need the same stage
    at once one runs it; the other waits, and then finds it.
    """
    ledger = progress.ledger

    def call(stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
        parts = _keys.parts_of(function, args, progress.root)
        key = _keys.key_of(stage, parts)
        with ledger.lock(f"stage-{stage}-{key}", wait_s=LOCK_WAIT_S, doing=f"the stage {stage!r}"):
            commit = None if progress.fresh else hit(ledger, stage, key)
            reason = UNCHANGED if commit else why(ledger, progress.name, stage, parts)
            reused = commit is not None
            if commit is None:
                start = time.perf_counter()
                result = step(stage, function, *args, **_resolved(surroundings, key))
                commit = Commit(
                    stage=stage, key=key, parts=parts, artifact=to_json(result),
                    seconds=time.perf_counter() - start, run_id=progress.run_id, time=time.time(),
                )  # fmt: skip
                ledger.commit(progress.name, commit)
            ledger.remember(progress.name, commit)
        seconds = 0.0 if reused else commit.seconds
        progress.records.append(
            StageRecord(name=stage, reused=reused, seconds=seconds, key=key, digest=commit.digest, reason=reason)
        )
        return from_json(returns(function), commit.artifact)

    return call


def recorded(step: Step, progress: Progress) -> Step:
    """Write the start and the commit of a stage to the run's event log."""

    def call(stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
        progress.events.emit("stage_started", stage=stage)
        result = step(stage, function, *args, **surroundings)
        record = progress.records[-1]
        progress.events.emit(
            "stage_committed",
            stage=stage,
            seconds=record.seconds,
            reused=record.reused,
            reason=record.reason,
            key=record.key,
            artifact=to_json(result),
        )
        return result

    return call


def hit(ledger: Ledger, stage: str, key: str) -> Commit | None:
    """The commit under `key`, if every object of its artifact is in the store and unchanged."""
    commit = ledger.lookup(stage, key)
    artifact = json.loads(commit.artifact) if commit is not None else {}
    if artifact.get("partial") or not all(ledger.store.holds(blob) for blob in blobs_in(artifact)):
        return None  # what a person ended early serves the run that it was made in, and the next goes on with it
    return commit


def why(ledger: Ledger, name: str, stage: str, parts: dict[str, str]) -> str:
    """Why a stage has to run: which of its inputs differ from its last commit for this spec."""
    last = ledger.latest(name, stage)
    if last is None:
        return "it has not run yet"
    changed = _keys.changes(last.parts, parts)
    return "; ".join(changed) if changed else "asked to, or its results are gone"


def returns(function: Callable[..., Any]) -> Any:
    """The type of the hand-off that a stage returns. Its other annotations may name what is not imported."""
    only = types.SimpleNamespace(__annotations__={"return": function.__annotations__["return"]})
    return typing.get_type_hints(only, globalns=vars(sys.modules[function.__module__]))["return"]


def _resolved(surroundings: dict[str, Any], key: str) -> dict[str, Any]:
    def resolve(value: Any) -> Any:
        if isinstance(value, ByKey):
            return value.root / key
        return value.make() if isinstance(value, Later) else value

    return {name: resolve(value) for name, value in surroundings.items()}

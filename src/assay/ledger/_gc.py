"""What the state folder no longer needs.

Kept are: the newest runs of every spec, every run that is not finished or not yet uploaded, the commits that those runs
and the latest plans refer to, and the objects of those commits. Checkpoints of a finished training are not needed, its
weights are in the store. Neither are the ledger of a finished search and the checkpoints of trials that it has ended.
What is younger than an hour is left alone, because a run may be about to refer to it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifacts import blobs_in
from assay.ledger._events import read_events

if TYPE_CHECKING:
    from assay.ledger import Ledger, RunRow

YOUNG_S = 3600.0
MARK = "search"  # the file in a folder of checkpoints that holds the key of the search whose trial it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """A file or folder that can go: what it is, how large, and why."""

    path: Path
    kind: str
    n_bytes: int
    why: str


def garbage(ledger: Ledger, keep: int, uploaded: frozenset[str]) -> list[Garbage]:
    """Everything that can go when the newest `keep` finished runs per spec stay. `uploaded` runs are all in MLflow."""
    kept = _kept_runs(ledger.runs(), keep, uploaded)
    keys, objects = _referenced(ledger, kept)
    found = [*_runs(ledger, kept), *_commits(ledger, keys), *_objects(ledger, objects)]
    found += [*_checkpoints(ledger), *_searches(ledger)]
    return [item for item in found if time.time() - item.path.stat().st_mtime > YOUNG_S or item.kind == "checkpoints"]


def remove(items: list[Garbage]) -> int:
    """Delete what `garbage` found. Returns the bytes that are free again."""
    for item in items:
        if item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink(missing_ok=True)
    return sum(item.n_bytes for item in items)


def _kept_runs(rows: list[RunRow], keep: int, uploaded: frozenset[str]) -> list[RunRow]:
    n_finished: Counter[str] = Counter()
    kept = []
    for row in rows:  # the newest first
        done = row.state == "finished" and row.run_id in uploaded
        n_finished[row.name] += row.state == "finished"
        if not done or n_finished[row.name] <= keep:
            kept.append(row)
    return kept


def _referenced(ledger: Ledger, kept: list[RunRow]) -> tuple[set[str], set[str]]:
    """The keys of the commits, and the paths of the objects, that something kept refers to."""
    keys = {commit.key for commit in ledger.latest_commits()}
    for row in kept:
        events = read_events(ledger.folder(row.run_id) / "events.jsonl")
        keys |= {event["key"] for event in events if event["kind"] == "stage_committed"}
    texts = [path.read_text() for path in (ledger.home / "notes").glob("*.json")]
    texts += [commit.artifact for _, commit in ledger.commits() if commit.key in keys]
    return keys, {blob.uri for text in texts for blob in blobs_in(json.loads(text))}


def _runs(ledger: Ledger, kept: list[RunRow]) -> Iterator[Garbage]:
    names = {row.run_id for row in kept}
    for path in sorted((ledger.home / "runs").glob("*")):
        if path.is_dir() and path.name not in names:
            yield Garbage(path=path, kind="run", n_bytes=_size(path), why="newer runs of the same spec are kept")


def _commits(ledger: Ledger, keys: set[str]) -> Iterator[Garbage]:
    for path, commit in ledger.commits():
        if commit.key not in keys:
            yield Garbage(path=path, kind="commit", n_bytes=path.stat().st_size, why="no kept run refers to it")


def _objects(ledger: Ledger, uris: set[str]) -> Iterator[Garbage]:
    root = ledger.store.root
    for path in sorted((root / "objects").glob("*/*")):
        if str(path.relative_to(root)) not in uris:
            yield Garbage(path=path, kind="object", n_bytes=path.stat().st_size, why="no kept commit refers to it")
    for path in sorted((root / "tmp").glob("*")):
        yield Garbage(path=path, kind="draft", n_bytes=path.stat().st_size, why="its writer is gone")


def _checkpoints(ledger: Ledger) -> Iterator[Garbage]:
    searches = _finished_searches(ledger)
    finished = {commit.key for _, commit in ledger.commits("train*")}  # with other seeds, for the audit, too
    for path in sorted((ledger.home / "checkpoints").glob("*")):
        mark = path / MARK
        if path.name in finished:
            yield Garbage(path=path, kind="checkpoints", n_bytes=_size(path), why="the training is finished")
        elif mark.is_file() and mark.read_text() in searches:
            yield Garbage(path=path, kind="checkpoints", n_bytes=_size(path), why="a trial that its search has ended")


def _searches(ledger: Ledger) -> Iterator[Garbage]:
    finished = _finished_searches(ledger)
    for path in sorted((ledger.home / "searches").glob("*")):
        if path.name in finished:
            yield Garbage(path=path, kind="search", n_bytes=_size(path), why="its result is committed")


def _finished_searches(ledger: Ledger) -> set[str]:
    return {commit.key for _, commit in ledger.commits("tune") if not json.loads(commit.artifact).get("partial")}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

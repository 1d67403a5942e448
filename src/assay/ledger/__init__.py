"""What is certain: which stages have been committed, which runs there were, and what happened in each.

Everything is a small file that is written whole or not at all (temporary name, flush, rename), so a kill at any moment
leaves the state of a moment before or after, never between; a lock is one that the kernel lets go when its process
dies. Prefect's and MLflow's states are views of this one.

    HOME/commits/STAGE/KEY.json     a finished stage: its artifact, and the parts that made its key
    HOME/latest/NAME/STAGE.json     the last commit of that stage for the spec of that name: what `plan` compares with
    HOME/runs/RUN/run.json          a run: state, process, outcome
    HOME/runs/RUN/events.jsonl      everything that happened in it, appended only
    HOME/looks/FOLD.json            the models that were judged on a fold, in order
    HOME/locks/                     locks

`ASSAY_STORE=s3://BUCKET/PREFIX` shares the bytes of the store with other machines; the ledger itself stays here.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assay.artifacts import sha256_of
from assay.errors import AssayError, did_you_mean
from assay.ledger._events import EventLog, read_events
from assay.ledger._gc import MARK, Garbage, garbage, remove
from assay.ledger._locks import holds, is_held
from assay.ledger._process import end, started_at
from assay.store import Bucket, Store, write_durably

__all__ = ["MARK", "Commit", "EventLog", "Garbage", "Ledger", "RunRow", "find_home", "read_events"]

UNFINISHED = frozenset({"running", "crashed", "pending", "cancelled", "failed"})


def find_home() -> Path:
    """The state folder: `ASSAY_HOME`, else the nearest `.assay` upwards from here, else `.assay` here."""
    named = os.environ.get("ASSAY_HOME")
    if named:
        return Path(named).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".assay").is_dir():
            return folder / ".assay"
    return here / ".assay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A finished stage. `parts` are the digests that made `key`, by name; `artifact` is the hand-off as JSON."""

    stage: str
    key: str
    parts: dict[str, str]
    artifact: str
    seconds: float
    run_id: str
    time: float

    @property
    def digest(self) -> str:
        """The sha256 of the hand-off."""
        return sha256_of(self.artifact)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. `state` is running, finished, failed, cancelled, pending (its registry was out of reach) or crashed."""

    run_id: str
    run_key: str
    name: str
    state: str
    started: float
    ended: float | None = None
    outcome: str = ""
    reason: str = ""
    pid: int = 0
    pid_started: float = 0.0
    spec_path: str = ""
    overrides: tuple[str, ...] = ()
    mlflow_run_id: str = ""
    mlflow_experiment_id: str = ""


class Ledger:
    """The state folder of one project."""

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        shared = os.environ.get("ASSAY_STORE")
        self.store = Store(self.home / "store", Bucket(shared) if shared else None)

    # ------------------------------------------------------------------------------------------- stages

    def lookup(self, stage: str, key: str) -> Commit | None:
        """The commit of `stage` under `key`, or None. Says nothing about whether its bytes are still there."""
        return _commit(self._commit_path(stage, key))

    def latest(self, name: str, stage: str) -> Commit | None:
        """The last commit of `stage` for the spec called `name`."""
        return _commit(self.home / "latest" / name / f"{stage}.json")

    def commit(self, name: str, commit: Commit) -> None:
        """Make a finished stage certain."""
        data = json.dumps(asdict(commit)).encode()
        write_durably(self._commit_path(commit.stage, commit.key), data)
        self.remember(name, commit)

    def remember(self, name: str, commit: Commit) -> None:
        """Make `commit` the latest of its stage for the spec called `name`."""
        path = self.home / "latest" / name / f"{commit.stage}.json"
        known = _commit(path)
        if known is None or known.key != commit.key:
            write_durably(path, json.dumps(asdict(commit)).encode())

    def commits(self, stage: str = "*") -> Iterator[tuple[Path, Commit]]:
        """Every commit, or every one of `stage`, and its file."""
        for path in sorted((self.home / "commits").glob(f"{stage}/*.json")):
            commit = _commit(path)
            if commit is not None:
                yield path, commit

    def latest_commits(self) -> Iterator[Commit]:
        """The last commit of every stage of every spec."""
        for path in sorted((self.home / "latest").glob("*/*.json")):
            commit = _commit(path)
            if commit is not None:
                yield commit

    def gc(self, *, keep: int = 5, uploaded: frozenset[str] = frozenset(), dry_run: bool = False) -> list[Garbage]:
        """What can go when the newest `keep` finished runs per spec stay; gone already unless `dry_run`.

        Only runs in `uploaded` (those whose spool is all in MLflow) are ever removed.
        """
        with self.lock("gc", doing="a clean-up"):
            items = garbage(self, keep, uploaded)
            if not dry_run:
                remove(items)
        return items

    @contextmanager
    def lock(self, name: str, *, wait_s: float = 0.0, doing: str = "the same work") -> Iterator[None]:
        """Hold the lock called `name`. Raises LockedError when another process keeps it longer than `wait_s`."""
        with holds(self.home / "locks" / f"{name}.lock", wait_s, doing):
            yield

    # --------------------------------------------------------------------------------------------- runs

    def runs(self) -> list[RunRow]:
        """Every run, the newest first. A run whose process is gone is `crashed`."""
        rows = [self._row(path) for path in (self.home / "runs").glob("*/run.json")]
        return sorted(rows, key=lambda row: row.started, reverse=True)

    def run(self, run_id: str) -> RunRow:
        """The run called `run_id`. Raises AssayError with the nearest ones when there is none."""
        path = self.home / "runs" / run_id / "run.json"
        if not path.is_file() or path.parent.parent != self.home / "runs":
            known = [row.run_id for row in self.runs()]
            newest = ", ".join(known[:5]) or "none yet"
            hint = did_you_mean(run_id, known)
            raise AssayError(f"There is no run {run_id!r}. The newest are: {newest}. {hint}".rstrip())
        return self._row(path)

    def folder(self, run_id: str) -> Path:
        """Where a run keeps its event log and its spool."""
        return self.home / "runs" / run_id

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """The events of a run, in order."""
        return read_events(self.folder(self.run(run_id).run_id) / "events.jsonl")

    def find(self, run_key: str) -> RunRow | None:
        """The newest run with this key."""
        return next((row for row in self.runs() if row.run_key == run_key), None)

    def begin(self, name: str, run_key: str, spec_path: str, overrides: tuple[str, ...] = ()) -> RunRow:
        """A new run, or the unfinished one with the same key, now of this process. Hold the run's lock."""
        found = self.find(run_key)
        mine = {"pid": os.getpid(), "pid_started": started_at(os.getpid()), "state": "running", "ended": None}
        if found is not None and found.state in UNFINISHED:
            row = replace(found, **mine)  # type: ignore[arg-type]
        else:
            stamp = time.strftime("%Y%m%d-%H%M%S")
            run_id = f"{name}-{stamp}-{sha256_of(run_key, str(time.time_ns()))[:6]}"
            row = RunRow(
                run_id=run_id,
                run_key=run_key,
                name=name,
                started=time.time(),
                spec_path=spec_path,
                overrides=overrides,
                **mine,  # type: ignore[arg-type]
            )
        self.save(row)
        return row

    def save(self, row: RunRow) -> None:
        """Write a run's state."""
        write_durably(self.folder(row.run_id) / "run.json", json.dumps(asdict(row), indent=1).encode())

    def cancel(self, run_id: str) -> RunRow:
        """Ask a running run to end: it writes a checkpoint and goes. Raises AssayError when it is not running."""
        row = self.run(run_id)
        if row.state != "running":
            raise AssayError(f"Run {run_id} is {row.state}; only a running one can be cancelled.")
        end(row.pid, row.pid_started)
        return row

    # --------------------------------------------------------------------------------------------- looks

    def looks(self, fold: str) -> tuple[str, ...]:
        """The digests of the models that were judged on the fold with this digest, in order."""
        path = self.home / "looks" / f"{fold}.json"
        return tuple(json.loads(path.read_bytes())) if path.is_file() else ()

    def look(self, fold: str, model: str) -> int:
        """Write down that a model is judged on a fold. Which look that is, from 1; the same model counts once."""
        with self.lock(f"looks-{fold}", wait_s=60, doing="a look at the same fold"):
            known = self.looks(fold)
            if model not in known:
                known = (*known, model)
                write_durably(self.home / "looks" / f"{fold}.json", json.dumps(known).encode())
        return known.index(model) + 1

    # ---------------------------------------------------------------------------------------- small notes

    def note(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a small JSON document under `name`, e.g. the champion as last seen."""
        write_durably(self.home / "notes" / f"{name}.json", json.dumps(value).encode())

    def noted(self, name: str) -> dict[str, Any] | None:
        """The document kept under `name`, or None."""
        path = self.home / "notes" / f"{name}.json"
        return json.loads(path.read_bytes()) if path.is_file() else None

    def _commit_path(self, stage: str, key: str) -> Path:
        return self.home / "commits" / stage / f"{key}.json"

    def _row(self, path: Path) -> RunRow:
        known = RunRow.__dataclass_fields__  # what an older assay wrote beside these is of no use to this one
        data = {name: value for name, value in json.loads(path.read_bytes()).items() if name in known}
        row = RunRow(**data | {"overrides": tuple(data.get("overrides", ()))})
        if row.state == "running" and not is_held(self.home / "locks" / f"run-{row.run_key}.lock"):
            return replace(row, state="crashed")
        return row


def _commit(path: Path) -> Commit | None:
    try:
        return Commit(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None  # a damaged commit is no commit: the stage runs again and writes it anew

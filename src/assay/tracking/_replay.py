"""Replays an event log into MLflow, from where it was left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from assay import registry, tracking
from assay.errors import AssayError, LockedError, TrackingError
from assay.ledger import Ledger
from assay.store import Store
from assay.tracking._spool import Cursor, Tail
from assay.tracking._story import Batch, Story

if TYPE_CHECKING:
    from assay.tracking._sink import Sink

LOCK_WAIT_S = 60.0
SQLITE = "sqlite:///"


class Replay:
    """The spool of one run. Holds the spool's lock for as long as the `with` block lasts: one writer at a time."""

    def __init__(self, folder: Path, uri: str, home: Path, store: Store, *, wait_s: float = LOCK_WAIT_S) -> None:
        self._folder, self._uri, self._home, self._store = folder, uri, home, store
        self._wait_s = wait_s
        self._held = ExitStack()
        self._tail = Tail(folder / "events.jsonl")
        self._unheard: list[dict[str, Any]] = []
        self._story = Story()
        self._sink: Sink | None = None
        self._cursor = Cursor()
        self._n_heard = 0
        self._uncertain = False

    def __enter__(self) -> Replay:
        lock = Ledger(self._home).lock(f"relay-{self._folder.name}", wait_s=self._wait_s, doing="the same upload")
        self._held.enter_context(lock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def ids(self) -> tuple[str, str]:
        """The ids of the experiment and of the run in MLflow; empty before it has answered."""
        return (self._sink.experiment_id, self._sink.run_id) if self._sink else ("", "")

    def step(self) -> int:
        """Send what is new and return how many events that was. Raises TrackingError; the next step tries again."""
        self._unheard += self._tail.read()
        if self._sink is None and not self._unheard:
            return 0
        try:
            with registry.reaching(self._uri, TrackingError):
                return self._send()
        except TrackingError:
            self._uncertain = True
            raise

    def _send(self) -> int:
        if self._sink is None:
            self._sink = self._open()
        self._hear()
        n_new = self._n_heard - self._cursor.seq
        if n_new > 0:
            self._sink.write(self._story.batch, self._story, self._store, uncertain=self._uncertain)
            self._story.batch, self._uncertain = Batch(), False
            self._cursor = Cursor(mlflow_run_id=self._sink.run_id, seq=self._n_heard)
            self._cursor.write(self._folder)
        return max(n_new, 0)

    def _open(self) -> Sink:
        """Find or make the MLflow run. The cursor holds only for the run that it was made for."""
        client = registry.connect(self._uri, self._home)
        from assay.tracking._sink import Sink, artifacts_of

        sink = Sink(client, self._unheard[0], artifacts_of(self._uri, self._home))
        cursor = Cursor.read(self._folder)
        self._cursor = cursor if cursor.mlflow_run_id == sink.run_id else Cursor()
        self._uncertain = sink.found
        return sink

    def _hear(self) -> None:
        """Tell the story on. What MLflow has accepted before is told too, for what follows may refer to it."""
        for event in self._unheard:
            self._story.tell(event)
            self._n_heard = event["seq"] + 1
            if self._n_heard == self._cursor.seq:
                self._story.batch = Batch()
        self._unheard.clear()


def sync(home: Path, uri: str, env: Mapping[str, str], only: frozenset[str] | None) -> Iterator[tracking.Synced]:
    """Send every spool that is not empty, the oldest run first."""
    paths = [path for path in (home / "runs").glob("*/events.jsonl") if only is None or path.parent.name in only]
    spools = [(path.parent, Tail(path).read()) for path in paths]
    for folder, events in sorted((spool for spool in spools if spool[1]), key=lambda spool: spool[1][0]["time"]):
        if Cursor.read(folder).seq > events[-1]["seq"]:
            continue
        named = events[0]["spec"].get("tracking", {}).get("uri")
        n_events, problem = 0, ""
        try:
            to = uri or tracking.destination(home, named, env)
            with Replay(folder, to, home, Ledger(home).store, wait_s=0.0) as replay:
                n_events = replay.step()
        except LockedError:
            continue
        except AssayError as error:
            problem = str(error)
        yield tracking.Synced(run_id=folder.name, n_events=n_events, problem=problem)

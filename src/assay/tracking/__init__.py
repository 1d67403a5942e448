"""What was observed: one MLflow run for each pipeline run, written by replaying the run's event log.

Why a log and a replay: a training appends to a file and never waits for a server. A thread reads the file, puts it into
MLflow's words and sends it, and only then moves its cursor; so an MLflow that is slow, down or gone costs nothing but
the delay of what it shows, and `sync` sends the rest another day. The MLflow run is found by the pipeline run's id, and
every point by its key and step, so nothing is lost or written twice, whoever is killed and whenever.

    HOME/runs/RUN/events.jsonl      what happened (written by the ledger)
    HOME/runs/RUN/relay.json        how much of it MLflow has accepted, and which MLflow run that is
    HOME/mlflow/                    the database and the artifacts, where no other MLflow is named
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from assay.artifacts import Events, Watched
from assay.errors import AssayError, TrackingError
from assay.registry import without_passwords
from assay.store import Store

if TYPE_CHECKING:
    from assay.tracking._replay import Replay

HEALTH_TIMEOUT_S = 0.5
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """A run whose spool was sent: how many events, or why not."""

    run_id: str
    n_events: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where MLflow shows it (empty where no server does), or why MLflow could not be told."""

    url: str = ""
    run_id: str = ""
    problem: str = ""


class Relay:
    """Sends a run's events to MLflow from a thread of its own, for as long as the `with` block lasts.

    At the end of the block it waits for the rest to be sent: not at all when MLflow does not answer, and at most
    `end_wait_s` when it is slow. What is left then stays in the spool. The event that ends the run has to be in the log
    before the block ends. Nothing here raises but `run_id`.
    """

    def __init__(
        self, folder: Path, *, uri: str, home: Path, store: Store, every_s: float = 1.0, end_wait_s: float = 10.0
    ) -> None:
        self._folder, self._uri, self._home, self._store = folder, uri, home, store
        self._every_s, self._end_wait_s = every_s, end_wait_s
        self._wake, self._known, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay-relay", daemon=True)
        self._ids = ("", "")
        self.problem = ""
        """Why MLflow could not be written to, the last time it was tried; empty when it could."""

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._wake.set()
        self._thread.join(self._end_wait_s)
        if self._thread.is_alive():
            self.problem = f"MLflow took longer than {self._end_wait_s:g} s"

    @property
    def mlflow_run_id(self) -> str:
        """The id of the MLflow run; empty until MLflow has answered."""
        return self._ids[1]

    @property
    def experiment_id(self) -> str:
        """The id of the MLflow experiment; empty until MLflow has answered."""
        return self._ids[0]

    @property
    def url(self) -> str:
        """The page of the MLflow run; empty until MLflow has answered, and where no server shows it."""
        return run_url(self._uri, *self._ids) if self.mlflow_run_id else ""

    def run_id(self, wait_s: float = 20.0) -> str:
        """The id of the MLflow run, as soon as there is one. Raises TrackingError when MLflow does not answer."""
        deadline = time.monotonic() + wait_s
        self.problem = ""  # what counts is the attempt that is made now
        self._wake.set()
        while not self._known.wait(0.05):
            if self.problem or not self._thread.is_alive() or time.monotonic() > deadline:
                where = without_passwords(self._uri)
                raise TrackingError(f"MLflow at {where} does not answer: {self.problem or 'it is slow'}.")
        return self.mlflow_run_id

    def _run(self) -> None:
        from assay.tracking._replay import Replay

        try:
            with Replay(self._folder, self._uri, self._home, self._store) as replay:
                self._loop(replay)
        except AssayError as error:
            self.problem = str(error)

    def _loop(self, replay: Replay) -> None:
        pause = self._every_s
        while True:
            closing = self._closing.is_set()
            try:
                replay.step()
                pause, self.problem = self._every_s, ""
            except TrackingError as error:
                pause, self.problem = min(2 * pause, LONGEST_PAUSE_S), str(error)
            if replay.ids[1]:
                self._ids = replay.ids
                self._known.set()
            if closing:
                return
            self._wake.wait(pause)
            self._wake.clear()


class Sampler:
    """Emits a `system` event every `every_s` seconds, for as long as the `with` block lasts, and one at its end."""

    def __init__(self, events: Events, every_s: float) -> None:
        self._events, self._every_s = events, every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay-sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        from assay.tracking import _system

        sample = _system.sampler()
        while not self._closing.wait(self._every_s):
            self._events.emit("system", **sample())
        self._events.emit("system", **sample())


def redacted(value: Any) -> Any:
    """JSON data without passwords in addresses, and without the texts under keys that are named like secrets."""
    from assay.tracking import _words

    return _words.redacted(value)


def destination(home: Path, spec_uri: str | None, env: Mapping[str, str] = os.environ) -> str:
    """The MLflow to write to: the spec's, else `MLFLOW_TRACKING_URI`, else the server of `assay up`, else our own."""
    named = spec_uri or env.get("MLFLOW_TRACKING_URI", "")
    if named:
        return named
    url = server_url(home)
    return url if url and _answers(url) else local_uri(home)


def server(home: Path, spec_uri: str | None, env: Mapping[str, str] = os.environ) -> str:
    """A name for the MLflow that `destination` means, whether or not the server of `assay up` is up. Asks nobody."""
    return without_passwords(spec_uri or env.get("MLFLOW_TRACKING_URI", "") or "local")


def local_uri(home: Path) -> str:
    """Our own MLflow database."""
    return f"sqlite:///{home.resolve() / 'mlflow' / 'mlflow.db'}"


def server_url(home: Path) -> str:
    """The address of the MLflow server of `assay up`, running or not; empty when there is none."""
    try:
        return str(json.loads((home / "servers.json").read_bytes())["mlflow"]["url"])
    except (FileNotFoundError, KeyError):
        return ""


def run_url(uri: str, experiment_id: str, run_id: str) -> str:
    """The page of a run in MLflow's interface; empty where `uri` is a database, which shows nothing by itself."""
    if not uri.startswith(("http://", "https://")):
        return ""
    # Without the last part MLflow opens the page among those for chats.
    page = f"#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"
    return f"{without_passwords(uri).rstrip('/')}/{page}"


def model_url(uri: str, name: str) -> str:
    """The page of a registered model in MLflow's interface; empty where `uri` is a database."""
    if not uri.startswith(("http://", "https://")):
        return ""
    return f"{without_passwords(uri).rstrip('/')}/#/models/{urllib.parse.quote(name, safe='')}"


def watched(of: Watched, page: Path, *, uri: str, home: Path) -> Told:
    """Write what was seen of a model version into its one monitoring run, a step for each window. Raises nothing.

    Windows that MLflow missed before are sent with the next ones.
    """
    from assay.registry import connect  # noqa: F401 - its configuration comes before the import of MLflow
    from assay.tracking import _monitoring

    return _monitoring.watched(of, page, uri, home)


def sync(
    home: Path, *, uri: str = "", env: Mapping[str, str] = os.environ, only: frozenset[str] | None = None
) -> tuple[Synced, ...]:
    """Send what is left in the spools, the oldest run first, each to the MLflow that its spec names, or all to `uri`.

    `only` names the runs that it is about; None means all.
    A run that is being relayed right now is left alone. Raises nothing: each result says what came of it.
    """
    from assay.tracking import _replay

    return tuple(_replay.sync(home, uri, env, only))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=HEALTH_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False

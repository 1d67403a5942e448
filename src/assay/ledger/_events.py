"""The event log of a run: one JSON object a line, numbered without gaps, appended only."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Listener = Callable[[dict[str, Any]], None]
# Kinds that must survive a power failure; losing the last epochs' lines is no loss, they are computed again.
DURABLE = frozenset({"run_started", "run_ended", "stage_committed", "registered"})


class EventLog:
    """Appends events and tells listeners. One process writes; any may read. Safe for threads."""

    def __init__(self, path: Path, listeners: tuple[Listener, ...] = ()) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._next = _repair(path)
        self._file = open(path, "ab")  # noqa: SIM115 - open as long as the run
        self._lock = threading.Lock()
        self._listeners = listeners

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append one event. Never waits for a server."""
        with self._lock:
            event = {"seq": self._next, "time": time.time(), "kind": kind, **fields}
            self._file.write(json.dumps(event).encode() + b"\n")
            self._file.flush()
            if kind in DURABLE:
                os.fsync(self._file.fileno())
            self._next += 1
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        """Nothing more will be appended."""
        self._file.close()


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events in `path`, in order; a last line that was cut off by a kill is left out."""
    if not path.is_file():
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _repair(path: Path) -> int:
    """Cut off a last line that a kill left half-written. Returns the number of the next event."""
    if not path.is_file():
        return 0
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
    return data[:whole].count(b"\n")

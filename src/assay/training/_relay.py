"""Events from rank 0 in another process to the caller: lines of JSON, read while they are written."""

from __future__ import annotations

import json
from typing import Any

from assay.artifacts import Events
from assay.store import Files
from assay.training._job import JOURNAL


class Journal:
    """`Events` that are written where the caller sees them, a line each."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append one event."""
        self._files.append(JOURNAL, json.dumps({"kind": kind, "fields": fields}).encode() + b"\n")


class Relay:
    """Hands the events of a journal on, each epoch and each checkpoint once.

    Workers that start again tell from the first epoch on, and repeat those after their checkpoint; what has been handed
    on is not handed on again.
    """

    def __init__(self, files: Files, events: Events) -> None:
        self._more, self._events = files.tail(JOURNAL), events
        self._rest = b""
        self._n_lines = 0
        self._told: set[tuple[str, int]] = set()

    def poll(self) -> None:
        """Hand on what is new. A line that is not yet whole waits."""
        *lines, self._rest = (self._rest + self._more()).split(b"\n")
        for line in lines:
            self._n_lines += 1
            self._hand_on(json.loads(line))

    def _hand_on(self, event: dict[str, Any]) -> None:
        kind, fields = event["kind"], event["fields"]
        key = (kind, fields.get("epoch", self._n_lines))
        if key not in self._told:
            self._told.add(key)
            self._events.emit(kind, **fields)

"""Events from rank 0 in another process to the caller: lines of JSON in a file, read while they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.artifacts import Events


class Journal:
    """`Events` that are appended to a file, one flushed line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append one event."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "fields": fields}) + "\n")


class Relay:
    """Hands the events of a journal on, each epoch and each checkpoint once.

    Workers that start again tell from the first epoch on, and repeat those after their checkpoint; what has been handed
    on is not handed on again.
    """

    def __init__(self, path: Path, events: Events) -> None:
        self._path, self._events = path, events
        self._offset = 0
        self._told: set[tuple[str, int]] = set()

    def poll(self) -> None:
        """Hand on what is new. A line that is not yet whole waits."""
        if not self._path.exists():
            return
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                self._hand_on(json.loads(line))

    def _hand_on(self, event: dict[str, Any]) -> None:
        kind, fields = event["kind"], event["fields"]
        key = (kind, fields.get("epoch", self._offset))
        if key not in self._told:
            self._told.add(key)
            self._events.emit(kind, **fields)

"""How a stage says what happens while it runs."""

from __future__ import annotations

from typing import Any, Protocol


class Events(Protocol):
    """Where a stage says what happens while it runs. Emitting never blocks on a server and never raises."""

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append one event. Values are JSON scalars, lists or dicts."""
        ...


class Silent:
    """Events that go nowhere: for stages that are called by hand."""

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Do nothing."""

"""The ledger of a search: a small JSON file for each trial, written whole or not at all, and the time it took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.artifacts import Model, Trial, from_json, to_json
from assay.store import write_durably


@dataclass(frozen=True, slots=True, kw_only=True)
class Supernet:
    """The network whose weights trials share, and what it cost."""

    model: Model
    n_epochs: int
    seconds: float


class Trials:
    """All trials of the search in `folder`, by number. Each change is on the disk when the call returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "trials"
        self._clock = folder / "seconds.json"
        self._found = {trial.number: trial for trial in _read(self._folder)}
        self._shared = folder / "supernet.json"
        self.supernet = from_json(Supernet, self._shared.read_text()) if self._shared.exists() else None
        """The supernet, once it has been trained."""
        self._before = json.loads(self._clock.read_bytes()) if self._clock.exists() else 0.0
        self._began = time.monotonic()

    @property
    def all(self) -> tuple[Trial, ...]:
        """Every trial, by number."""
        return tuple(self._found[number] for number in sorted(self._found))

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self._found)

    @property
    def n_epochs(self) -> int:
        """How many epochs have been trained in all."""
        return sum(trial.n_trained for trial in self._found.values()) + (self.supernet.n_epochs if self.supernet else 0)

    @property
    def device_seconds(self) -> float:
        """How long workers have worked."""
        return sum(trial.seconds for trial in self._found.values()) + (self.supernet.seconds if self.supernet else 0.0)

    @property
    def seconds(self) -> float:
        """How long the search has gone on, all calls of it together."""
        return self._before + time.monotonic() - self._began

    def __getitem__(self, number: int) -> Trial:
        return self._found[number]

    def save(self, trial: Trial, **changes: Any) -> Trial:
        """Write a trial down, with `changes` to it."""
        trial = self._found[trial.number] = replace(trial, **changes)
        write_durably(self._folder / f"{trial.number:06d}.json", to_json(trial).encode())
        return trial

    def share(self, supernet: Supernet) -> None:
        """Write down a supernet that has been trained."""
        self.supernet = supernet
        write_durably(self._shared, to_json(supernet).encode())

    def tick(self) -> None:
        """Write down how long the search has gone on."""
        write_durably(self._clock, json.dumps(self.seconds).encode())


def _read(folder: Path) -> Iterator[Trial]:
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            yield from_json(Trial, path.read_text())
        except (ValueError, TypeError):  # damaged: the trial is proposed and run again
            continue

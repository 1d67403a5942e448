"""A search: its trials, and what it came to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from assay.artifacts._model import Model

TrialState = Literal["running", "paused", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration and how far it has come.

    `values` are pairs of a path of the spec and the value there as JSON. `scores` is the metric of the valid fold after
    each epoch (not a number where it was none); `score` is that of the epoch which the training would keep. `measures`
    are the further objectives and the bounded numbers. `screened` is the metric with the weights of a supernet, before
    the trial has been trained, if it ever is. In a population `parent` is the last trial whose weights it took
    over, and `source` the one from whose weights it begins what it is doing now.
    """

    number: int
    values: tuple[tuple[str, str], ...]
    state: TrialState = "running"
    until: int = 0
    scores: tuple[float, ...] = ()
    score: float | None = None
    screened: float | None = None
    measures: tuple[tuple[str, float], ...] = ()
    parent: int | None = None
    source: int | None = None
    seconds: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    reason: str = ""
    n_parameters: int = 0
    n_trained: int = 0
    model: Model | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The values by path."""
        return {path: json.loads(text) for path, text in self.values}

    @property
    def epoch(self) -> int:
        """How many epochs are behind it."""
        return len(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search came to.

    `winner` is the number of the best trial. `front` are the numbers of the trials that no other is better than in
    every objective. `importances` are the shares of the variance of the
    score that each parameter explains (fANOVA). `partial`: a person ended it; the same command goes on with it.
    """

    metric: str
    greater_is_better: bool
    trials: tuple[Trial, ...]
    winner: int
    algorithm: str
    scheduler: str
    objectives: tuple[tuple[str, bool], ...] = ()
    front: tuple[int, ...] = ()
    importances: tuple[tuple[str, float], ...] = ()
    kept: bool = True
    n_epochs: int = 0
    n_workers: int = 0
    seconds: float = 0.0
    device_seconds: float = 0.0
    ended: str = ""
    partial: bool = False

    @property
    def best(self) -> Trial:
        """The winner."""
        return self.trials[self.winner]

"""A search: one spec, many trainings, of which the best on valid rows goes on.

Why this shape. A trial *is* a training: the pipeline hands over a `Trainer`, which runs the stages of the chain on the
spec of that trial, through the same cache and with the same checkpoints. So preprocessing is fitted inside each trial's
training rows, trials that differ in training alone share their encoded rows by memory map, and the winner is trained
already when the chain comes to train it. No fold but train and valid can reach a trainer.

A trial runs in *segments*: up to an epoch, and later on from its checkpoint to the same bits. Between segments nobody
is being waited for, so a scheduler is no callback but a function of the trials so far that names the next segment, and
an algorithm one that names the next values. Both are rebuilt from nothing but the ledger of trials, a JSON file each;
which is why a search that is killed goes on where it was, and why everything about it can be read.

Segments run in this process or on Ray actors that stay warm. Ray Tune's own controller is not used: with reused actors
it needs 1.8 times as long as a pool of processes for sixteen short trials and by default eleven times, it keeps its
state in pickles, and its schedulers want a live callback from every trial. What it would give beyond these actors (a
searcher, a ledger, a stopping rule) is here a page each; algorithms come from Optuna and cmaes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assay.artifacts import Epoch, Events, Model, Search, TrainFold, Trial, ValidFold
from assay.spec import Spec
from assay.spec.space import with_values

__all__ = ["Segment", "Trained", "Trainer", "Trial", "search", "winner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What a trainer is asked for: train `spec` until `until` epochs are behind it.

    A trial of a population has a `folder` of its own, and begins where the training in the folder `start` stands. With
    the `weights` of a supernet it is not trained, but judged with those of them that it has. `search` is the key of the
    search, with which checkpoints are marked.
    """

    number: int
    spec: Spec
    until: int
    folder: Path | None = None
    start: Path | None = None
    weights: Model | None = None
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a segment came to: the epochs so far, of each training of the trial, and its models once it has ended.

    `screened` is how good it is with the weights of a supernet, where that was asked.
    """

    epochs: tuple[tuple[Epoch, ...], ...]
    models: tuple[Model, ...] = ()
    measures: tuple[tuple[str, float], ...] = ()
    screened: Epoch | None = None
    n_parameters: int = 0


class Trainer(Protocol):
    """How a trial is trained. It is sent to workers, which call it."""

    def __call__(self, segment: Segment) -> Trained:
        """Train. Raises whatever a training raises; Cancelled only when a person asked for the end."""
        ...


def search(
    train: TrainFold,
    valid: ValidFold,
    spec: Spec,
    *,
    trainer: Trainer,
    folder: Path,
    events: Events,
) -> Search:
    """Search the space of `spec.tune`. `trainer` trains on `train` and judges on `valid`, and sees no other row.

    `folder` holds the ledger of trials; a search that was interrupted goes on from there. One SIGINT ends it with the
    best so far. Raises SpecError for what cannot be searched, and TrainingError when no trial has succeeded.
    """
    from assay.tuning._search import run

    return run(spec, trainer, folder, events)


def winner(spec: Spec, found: Search) -> Spec:
    """The spec of the best trial: plain, without `tune`."""
    return with_trial(spec, found.best.settings)


def with_trial(spec: Spec, values: Mapping[str, Any]) -> Spec:
    """The spec of the trial with these values. Its threads are fixed, so that it computes the same wherever it runs."""
    return with_threads(with_values(spec, values), spec)


def with_threads(made: Spec, spec: Spec) -> Spec:
    """`made` with the threads of a trial of `spec`."""
    from assay.tuning._slots import threads

    return made.model_copy(
        update={"compute": made.compute.model_copy(update={"threads": made.compute.threads or threads(spec)})}
    )


def check(spec: Spec) -> None:
    """Raise SpecError for a search that cannot be: what its scheduler or algorithm cannot do with this space."""
    from assay.tuning._check import check

    check(spec)

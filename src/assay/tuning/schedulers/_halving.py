"""Successive halving: at each rung the best 1 / `eta` go on, and nobody waits for the others of a rung to come in."""

from __future__ import annotations

from collections.abc import Sequence

from assay.artifacts import Trial
from assay.tuning._asking import Asking, Go

IN = ("paused", "done", "stopped", "running")


def rungs(lowest: int, eta: int, n_epochs: int) -> tuple[int, ...]:
    """The epochs at which trials are compared: `lowest` x `eta`^k, and the last one."""
    found = [lowest]
    while found[-1] * eta < n_epochs:
        found.append(found[-1] * eta)
    return (*[rung for rung in found if rung < n_epochs], n_epochs)


def promotion(asking: Asking, bracket: Sequence[Trial], ladder: Sequence[int], eta: int) -> Go | None:
    """The best paused trial that belongs to the best 1 / `eta` of those that have come to its rung, highest rung first.

    What counts is how good each was at that rung, whatever became of it later.
    """
    for k in range(len(ladder) - 2, -1, -1):
        rung = ladder[k]
        reached = [trial for trial in bracket if trial.epoch >= rung and trial.state in IN]
        reached.sort(key=lambda trial: (-asking.good(_until(asking, trial, rung)), trial.number))
        for trial in reached[: len(reached) // eta]:
            if trial.state == "paused" and trial.epoch == rung:
                return Go(number=trial.number, until=ladder[k + 1])
    return None


def _until(asking: Asking, trial: Trial, epoch: int) -> float:
    """The best score of a trial up to an epoch."""
    known = trial.scores[:epoch]
    return max(known) if asking.rises else min(known)

"""A trial ends when its best is worse than the median of the others' averages (Golovin et al. 2017)."""

from __future__ import annotations

from statistics import fmean, median

from pydantic import Field

from assay.spec.words import Words
from assay.tuning._asking import Asking, Go, Stop


class Config(Words):
    """Options of `median`."""

    grace: int = Field(default=2, ge=1, description="epochs that every trial gets")
    every: int = Field(default=1, ge=1, description="epochs between two looks")
    at_least: int = Field(default=4, ge=1, description="trials that have come as far, before anybody is stopped")


def first(config: Config, asking: Asking) -> int:
    """The epochs of grace."""
    return min(config.grace, asking.n_epochs)


def move(config: Config, asking: Asking) -> Go | Stop | None:
    """What becomes of the first trial that waits."""
    trial = next((trial for trial in asking.trials if trial.state == "paused"), None)
    if trial is None:
        return None
    others = [
        fmean(other.scores[: trial.epoch])
        for other in asking.trials
        if other.number != trial.number and other.epoch >= trial.epoch and other.state != "failed"
    ]
    best = max(map(asking.good, trial.scores))
    if len(others) >= config.at_least and best < asking.good(median(others)):
        found = f"at epoch {trial.epoch} its best was worse than the median of {len(others)} others"
        return Stop(number=trial.number, reason=found)
    return Go(number=trial.number, until=min(trial.epoch + config.every, asking.n_epochs))

"""Asynchronous successive halving (Li et al. 2020): many trials start small, the best third goes on, and so forth."""

from __future__ import annotations

from pydantic import Field

from assay.spec.words import Words
from assay.tuning._asking import Asking, Go
from assay.tuning.schedulers._halving import promotion, rungs


class Config(Words):
    """Options of `asha`."""

    grace: int = Field(default=1, ge=1, description="epochs that every trial gets")
    eta: int = Field(default=3, ge=2, le=20, description="one in so many goes on")


def first(config: Config, asking: Asking) -> int:
    """The lowest rung."""
    return rungs(config.grace, config.eta, asking.n_epochs)[0]


def move(config: Config, asking: Asking) -> Go | None:
    """A promotion, when there is one."""
    return promotion(asking, asking.trials, rungs(config.grace, config.eta, asking.n_epochs), config.eta)

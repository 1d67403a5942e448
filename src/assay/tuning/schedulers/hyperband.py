"""Hyperband (Li et al. 2018): several successive halvings beside each other, from many that start small to few that
start whole, because nobody knows how early a trial can be told to be bad.
"""

from __future__ import annotations

from pydantic import Field

from assay.spec.words import Words
from assay.tuning._asking import Asking, Go
from assay.tuning.schedulers._halving import promotion, rungs


class Config(Words):
    """Options of `hyperband`."""

    grace: int = Field(default=1, ge=1, description="the fewest epochs that a trial gets")
    eta: int = Field(default=3, ge=2, le=20, description="one in so many goes on")


def first(config: Config, asking: Asking) -> int:
    """The lowest rung of the trial's bracket."""
    ladder = rungs(config.grace, config.eta, asking.n_epochs)
    return ladder[bracket(asking.number, len(ladder), config.eta)]


def move(config: Config, asking: Asking) -> Go | None:
    """A promotion in one of the brackets, those that start small first."""
    ladder = rungs(config.grace, config.eta, asking.n_epochs)
    for k in range(len(ladder)):
        members = [trial for trial in asking.trials if bracket(trial.number, len(ladder), config.eta) == k]
        found = promotion(asking, members, ladder[k:], config.eta)
        if found is not None:
            return found
    return None


def bracket(number: int, n_brackets: int, eta: int) -> int:
    """The bracket of a trial: 0 starts at the lowest rung. Each gets its share of one Hyperband, over and over.

    Bracket k of n has ceil(n / (n - k) * eta^(n - k - 1)) trials.
    """
    sizes = [-(-n_brackets * eta ** (n_brackets - k - 1) // (n_brackets - k)) for k in range(n_brackets)]
    place = number % sum(sizes)
    for k, size in enumerate(sizes):
        if place < size:
            return k
        place -= size
    raise AssertionError("the sizes add up to their sum")

"""Why a model predicts what it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one raw column of one row adds to its score, beside an average row; `value` is what stands there."""

    column: str
    value: str
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one row has its score: `base`, that of an average row, and what each raw column adds, the most first.

    `of` says what the score is: the log-odds of a class, or the target. `error` is what base and contributions miss of
    `score` (the completeness of Sundararajan et al. 2017); 0 is none.
    """

    predicted: str
    of: str
    score: float
    base: float
    contributions: tuple[Contribution, ...]
    error: float

"""Why a model predicts what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.artifacts._numbers import Curve, Interval, Share
from assay.artifacts._words import Blob


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What each raw column adds to the scores of a sample of rows.

    `table` is Parquet with `row` (int64), `class` (int32, that whose log-odds are explained), `score`, `base`, and one
    float32 column `to_I` per name in `columns`. `n_incomplete` rows have parts that do not add up to their score.
    """

    table: Blob
    of: str
    columns: tuple[str, ...]
    n_rows: int
    n_incomplete: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of one adverse decision: the column, the text that a person is sent, what stands in the row."""

    column: str
    code: str
    value: str
    flag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedReason:
    """How often a column is among the reasons. `flag` says that it is sensitive, or gives a sensitive one away."""

    column: str
    code: str
    n_rows: int
    n_first: int
    flag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why people have the adverse decision: reasons in the order of what they add to it.

    `fidelity` is the share of all reasons whose score moves as said when the value is replaced by those of other rows.
    `table` is Parquet: `row`, and `reason_1`, ... as codes; values stay with the data.
    """

    adverse: str
    n_rows: int
    named: tuple[NamedReason, ...]
    fidelity: Interval
    n_moved: int
    examples: tuple[tuple[Reason, ...], ...]
    table: Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value, and what it would have to be."""

    column: str
    value: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What would turn an adverse decision, over the columns and in the directions that the spec declares mutable.

    `found` is the share of adverse rows for which something would; `by_column` how often each column is part of it.
    """

    n_rows: int
    found: Interval
    by_column: tuple[tuple[str, int], ...]
    examples: tuple[tuple[Change, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why a model predicts what it does, over a sample of rows.

    `importance` is the mean size of what each raw column adds, the most first; `dependence` the mean prediction when
    all rows have one value of a column (Friedman 2001).
    """

    of: str
    n_rows: int
    n_incomplete: int
    importance: tuple[tuple[str, Interval], ...]
    dependence: tuple[Curve, ...]
    reasons: Reasons | None
    changes: Changes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How often a model that differs in nothing but its seed gives the same first reason, per group.

    The mean over `n_models` other models of the rows on which they agree with the model at hand.
    """

    n_models: int
    n_rows: int
    agreement: tuple[tuple[str, str, int, Interval], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Predictions that change when nothing but a sensitive column does, per group. Of a column that the model does not
    see, none can: `seen` names those that it does.
    """

    seen: tuple[str, ...]
    shares: tuple[Share, ...]
    shifts: tuple[tuple[str, str, Interval], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """How well an attacker with shadow models tells training rows from others (LiRA, Carlini et al. 2022).

    `tpr` is the share of training rows that are recognised where `fpr` of the others are taken for such; without any
    leak it is `fpr`. Its interval holds for where that threshold lies, too. `auc` is over all thresholds.
    """

    attack: Literal["lira"]
    n_shadows: int
    n_members: int
    n_others: int
    fpr: float
    tpr: Interval
    auc: float

"""What a model was trained on, in counts, and how windows of later rows differ from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.artifacts._evidence import GateResult, MetricValue
from assay.artifacts._words import Blob, Kind

WindowVerdict = Literal["HOLDS", "VIOLATES", "UNDECIDED"]
WatchVerdict = Literal["QUIET", "FIRES", "UNDECIDED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReference:
    """One column of the training rows in counts; of a personal column only how much of it is missing.

    Of numbers `counts[i]` rows lie in (points[i-1], points[i]], and the last point is the largest; of texts `counts[i]`
    rows hold `levels[i]`, and `n_rest` rows hold levels that are too many to name. `is_looked_at` is False for columns
    of which only missing values are compared.
    """

    name: str
    kind: Kind
    n_rows: int
    n_missing: int
    points: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    n_rest: int = 0

    @property
    def is_looked_at(self) -> bool:
        """Whether values can be compared."""
        return bool(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What windows are compared with: the columns of the training rows, and the predictions of the test rows.

    `sample` is a Parquet file of training rows in coarse codes (see `monitoring`), None where none may be kept.
    `metrics` are those of the test fold.
    """

    columns: tuple[ColumnReference, ...]
    predictions: tuple[ColumnReference, ...]
    personal: tuple[str, ...]
    sample: Blob | None
    metrics: tuple[MetricValue, ...]
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One comparison: of the values of a column, of what is missing, of new levels, or of all columns together.

    `p` is the chance of such a difference or a larger one were there none, `p_adjusted` the same for all looks of the
    window together. It has `moved` when that is small *and* the `effect`, in the words of `measure`, reaches `bound`.
    """

    about: Literal["values", "missing", "new levels", "prediction", "together"]
    name: str
    test: str
    p: float
    p_adjusted: float
    measure: Literal["PSI", "difference", "share", "AUC"]
    effect: float
    bound: float
    moved: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows that came later, and how they differ. `number` counts the windows of one model version, from 1.

    `metrics` and `gates` are there once labels have arrived: the gates of the spec, asked again.
    """

    name: str
    sha256: str
    number: int
    n_rows: int
    n_refused: int
    verdict: WindowVerdict
    reason: str
    looks: tuple[Look, ...] = ()
    absent: tuple[str, ...] = ()
    n_labels: int = 0
    metrics: tuple[MetricValue, ...] = ()
    gates: tuple[GateResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All windows of a model version so far, what the rule makes of them, and what has moved in those that count."""

    name: str
    version: int
    windows: tuple[Window, ...]
    verdict: WatchVerdict
    reason: str
    counted: tuple[int, ...]
    moved: tuple[str, ...]

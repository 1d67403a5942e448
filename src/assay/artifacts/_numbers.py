"""Numbers with what belongs to them: an interval, a picture, whom they are of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its two-sided confidence interval at `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A picture as numbers: one or more named series of points, e.g. the ROC curve."""

    name: str
    x_label: str
    y_label: str
    series: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often something is so among the rows of a group: `k` of `n`, with its interval."""

    sensitive: str
    group: str
    what: str
    k: int
    n: int
    interval: Interval

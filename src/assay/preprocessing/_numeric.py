"""A number on its way into the model: fill what is missing, clip, log, scale.

B rows of a batch, N training rows, Q entries of a quantile table, K knots. Every step rises with the number, so a
sorted array stays sorted through all of them: `fit` sorts the training values once and reads everything off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from assay.preprocessing._create import Origin
from assay.preprocessing._read import FLOAT32_MAX, Floats
from assay.spec.preprocessing import NumericSpec

N_QUANTILES = 1000
# The edges of 1024 bins of equally many rows. So many because a column like Adult's capital_gain has one value in nine
# rows of ten: with 129 knots a dozen bins are left of it, which costs half a point of accuracy; with 1025, fifty.
N_KNOTS = 1025


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """The fitted steps of one numeric feature. A quantile-scaled one has a table beside it, kept with the arrays."""

    name: str
    origin: Origin
    fill: float
    low: float | None = None
    high: float | None = None
    log: bool = False
    center: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A feature that is 1 where the numbers of `origin` are missing, else 0."""

    name: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedNumber:
    """A numeric feature with its quantile table (x above z), its knots, and its variance before scaling."""

    feature: Number | Missing
    knots_K: Floats
    variance: float
    table_2Q: Floats | None = None


def apply(number: Number, x_B: Floats, table_2Q: Floats | None) -> Floats:
    """The feature's values, always finite in float32."""
    filled_B = np.where(np.isnan(x_B), number.fill, x_B)
    return _scaled(number, _shaped(number, filled_B), table_2Q)


def fit(name: str, origin: Origin, x_N: Floats, rule: NumericSpec) -> FittedNumber | str:
    """The feature as the training rows want it or, in words, why it is of no use."""
    seen = np.sort(x_N[~np.isnan(x_N)])
    n_missing = len(x_N) - len(seen)
    if not len(seen):
        return "has no usable value in the training rows"
    fill = _fill(seen, rule)
    low, high = quantiles(seen, np.array(rule.clip)).tolist() if rule.clip else (None, None)
    number = Number(name=name, origin=origin, fill=fill, low=low, high=high, log=rule.log)
    x_N = np.insert(seen, np.searchsorted(seen, fill), np.full(n_missing, fill)) if n_missing else seen
    x_N = _shaped(number, x_N)
    if x_N[0] == x_N[-1]:
        return "has the same value in all training rows"
    number = _with_affine_scale(number, x_N, rule)
    table_2Q = _quantile_table(x_N) if rule.scale == "quantile" else None
    knots_K = quantiles(_scaled(number, x_N, table_2Q), np.linspace(0, 1, N_KNOTS))
    return FittedNumber(feature=number, knots_K=knots_K, variance=float(np.var(x_N)), table_2Q=table_2Q)


def fit_missing(name: str, origin: Origin, x_N: Floats) -> FittedNumber | None:
    """The indicator of missing values; None when it would be the same in all training rows."""
    missing_N = np.sort(np.isnan(x_N)).astype(np.float64)
    if missing_N[0] == missing_N[-1]:
        return None
    knots_K = quantiles(missing_N, np.linspace(0, 1, N_KNOTS))
    return FittedNumber(feature=Missing(name=name, origin=origin), knots_K=knots_K, variance=float(np.var(missing_N)))


def quantiles(sorted_N: Floats, q_K: Floats) -> Floats:
    """Quantiles of a sorted array, linear between its entries (Hyndman and Fan 1996, type 7; numpy's default)."""
    position_K = q_K * (len(sorted_N) - 1)
    low_K = np.floor(position_K).astype(np.int64)
    high_K = np.minimum(low_K + 1, len(sorted_N) - 1)
    found: Floats = sorted_N[low_K] + (sorted_N[high_K] - sorted_N[low_K]) * (position_K - low_K)
    return found


def _fill(seen: Floats, rule: NumericSpec) -> float:
    match rule.impute:
        case "constant":
            return rule.fill
        case "mean":
            return float(seen.mean())
        case "median":
            return float(quantiles(seen, np.array([0.5]))[0])
        case "mode":  # the smallest of the most frequent
            values, counts = np.unique(seen, return_counts=True)
            return float(values[counts.argmax()])


def _shaped(number: Number, x_B: Floats) -> Floats:
    if number.low is not None or number.high is not None:
        x_B = np.clip(x_B, number.low, number.high)
    return np.sign(x_B) * np.log1p(np.abs(x_B)) if number.log else x_B


def _scaled(number: Number, x_B: Floats, table_2Q: Floats | None) -> Floats:
    if table_2Q is not None:
        z_B: Floats = np.interp(x_B, table_2Q[0], table_2Q[1])
        return z_B
    with np.errstate(over="ignore"):
        return np.clip((x_B - number.center) / number.spread, -FLOAT32_MAX, FLOAT32_MAX)


def _with_affine_scale(number: Number, sorted_N: Floats, rule: NumericSpec) -> Number:
    reach, std = float(sorted_N[-1] - sorted_N[0]), float(sorted_N.std())
    match rule.scale:
        case "standard":
            return replace(number, center=float(sorted_N.mean()), spread=std or reach)  # tiny squares may be 0
        case "minmax":
            return replace(number, center=float(sorted_N[0]), spread=reach)
        case "robust":  # where half of the rows share one value the quartiles may be equal
            low, median, high = quantiles(sorted_N, np.array([0.25, 0.5, 0.75])).tolist()
            return replace(number, center=median, spread=high - low or std or reach)
        case "quantile" | "none":
            return number


def _quantile_table(sorted_N: Floats) -> Floats:
    """Values against normal scores, [2, Q].

    A value that fills several quantiles gets the middle of them, so that a heavy tie (a column that is mostly 0) does
    not land in the tail; the ends get half a row, not the probabilities 0 and 1. No noise is needed.
    """
    n_rows = len(sorted_N)
    q = np.linspace(0, 1, min(N_QUANTILES, n_rows))
    x_Q, first, counts = np.unique(quantiles(sorted_N, q), return_index=True, return_counts=True)
    p_Q = np.clip((q[first] + q[first + counts - 1]) / 2, 0.5 / n_rows, 1 - 0.5 / n_rows)
    return np.stack([x_Q, np.fromiter(map(NormalDist().inv_cdf, p_Q), np.float64, len(p_Q))])

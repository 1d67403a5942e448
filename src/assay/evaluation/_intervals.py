"""Estimates with their intervals. Shapes: N rows, R resamples.

The bootstrap is the Poisson one: each row weighs Poisson(1) in each resample, so weights need no bookkeeping between
rows (Hanley & MacGibbon 2006). Beyond `MOST_ROWS` the resamples are of a part of the rows and the interval is shrunk
by the root of the share (m out of n; Politis & Romano 1994).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

from assay.artifacts import FoldName, Interval, MetricValue
from assay.evaluation._metrics import Metric, Weighted
from assay.evaluation._reliability import ece, sums_per_bin
from assay.evaluation._scored import Array, Scored

MOST_ROWS = 50_000
WEIGHTS_AT_ONCE = 500_000  # as many as fit into the processor's cache
MOST_RANKED = 200_000_000  # rows x resamples x ranked classes


def estimates(
    metrics: Sequence[Metric], scored: Scored, seed: int, *, fold: FoldName, level: float, n_bootstrap: int
) -> tuple[MetricValue, ...]:
    """Each metric that applies, with its interval. `scored` lies in the order of its content."""
    metrics = [metric for metric in metrics if metric.applies(scored)]
    points = {metric.name: float(metric.value(_all_once(scored))[0]) for metric in metrics}
    resampled = [metric for metric in metrics if metric.interval == "bootstrap"]
    intervals = bootstrap(resampled, (scored,), seed, level, n_bootstrap)
    for metric in metrics:
        if metric.trials is not None:
            trials = float(metric.trials(_all_once(scored))[0])
            intervals[metric.name] = wilson(points[metric.name] * trials, trials, level)
        elif metric.interval == "delong":
            intervals[metric.name] = _delong(scored, points[metric.name], level)
        elif metric.interval == "binomial":
            intervals[metric.name] = _ece(scored, level)
    return tuple(
        MetricValue(
            name=metric.name,
            fold=fold,
            interval=intervals[metric.name],
            method=metric.interval,
            greater_is_better=metric.greater_is_better,
        )
        for metric in metrics
    )


def bootstrap(
    metrics: Sequence[Metric], scored: Sequence[Scored], seed: int, level: float, n_bootstrap: int
) -> dict[str, Interval]:
    """Percentile intervals of each metric; of two predictions of the same rows, of the difference between them."""
    n_rows = scored[0].n_rows
    rng = np.random.default_rng(seed)
    part = scored
    if n_rows > MOST_ROWS:
        rows = np.sort(rng.choice(n_rows, MOST_ROWS, replace=False))
        part = [one.take(rows) for one in scored]
    shrink = math.sqrt(part[0].n_rows / n_rows) if n_rows else 1.0
    values: dict[str, list[Array]] = {metric.name: [] for metric in metrics}
    for w_RN in _weights(rng, part[0].n_rows, _n_resamples(metrics, part[0], n_bootstrap)):
        weighted = [Weighted(one, w_RN) for one in part]
        for metric in metrics:
            values[metric.name].append(_difference([metric.value(one) for one in weighted]))
    tails = ((1 - level) / 2, (1 + level) / 2)
    intervals = {}
    for metric in metrics:
        whole = float(_difference([metric.value(_all_once(one)) for one in scored])[0])
        centre = float(_difference([metric.value(_all_once(one)) for one in part])[0])
        low, high = (float(q) for q in np.quantile(np.concatenate(values[metric.name]), tails))
        low, high = whole + (low - centre) * shrink, whole + (high - centre) * shrink
        intervals[metric.name] = Interval(value=whole, low=min(low, whole), high=max(high, whole), level=level)
    return intervals


def wilson(k: float, n: float, level: float) -> Interval:
    """The interval of a rate of `k` in `n` (Wilson 1927); the whole range when `n` is 0."""
    if n == 0:
        return Interval(value=0.0, low=0.0, high=1.0, level=level)
    z = _z(level)
    centre = (k + z * z / 2) / (n + z * z)
    arm = z / (n + z * z) * math.sqrt(max(0.0, k * (n - k) / n) + z * z / 4)
    return Interval(value=k / n, low=max(0.0, centre - arm), high=min(1.0, centre + arm), level=level)


def _delong(scored: Scored, auc: float, level: float) -> Interval:
    """The interval of the AUC (DeLong et al. 1988), on the logit scale, so that it stays inside 0 and 1.

    Of many classes it is that of their mean: each row's part in every class is added before it is squared.
    """
    parts_N = np.zeros(scored.n_rows)
    for k in scored.ranked_classes:
        parts_N += _auc_parts(scored, k) / len(scored.ranked_classes)
    error = math.sqrt(float((parts_N**2).sum()))
    if not 0 < auc < 1:
        return Interval(value=auc, low=auc, high=auc, level=level)
    arm = _z(level) * error / (auc * (1 - auc))
    logit = math.log(auc / (1 - auc))
    return Interval(value=auc, low=_expit(logit - arm), high=_expit(logit + arm), level=level)


def _auc_parts(scored: Scored, k: int) -> Array:
    """What each row adds to the error of the AUC of class `k`; the squares sum to DeLong's variance."""
    p_N, own_N = scored.p_of(k), scored.y_N == k
    own, other = np.sort(p_N[own_N]), np.sort(p_N[~own_N])
    parts_N = np.empty(len(p_N))
    for rows_N, against in ((own_N, other), (~own_N, own)):
        below = np.searchsorted(against, p_N[rows_N], "left") + np.searchsorted(against, p_N[rows_N], "right")
        share = below / (2 * len(against))
        n = max(len(share), 2)
        parts_N[rows_N] = (share - share.mean()) / math.sqrt(n * (n - 1)) * (1 if against is other else -1)
    return parts_N


def _ece(scored: Scored, level: float) -> Interval:
    """From the excess over chance to the plain estimate, each with the binomial error: the truth lies between."""
    found = ece(*sums_per_bin(scored))
    arm = _z(level) * found.standard_error
    low, high = max(0.0, found.value - found.by_chance - arm), min(1.0, found.value + arm)
    return Interval(value=found.value, low=low, high=high, level=level)


def _weights(rng: np.random.Generator, n_rows: int, n_resamples: int) -> Iterator[Array]:
    at_once = 1 + WEIGHTS_AT_ONCE // n_rows
    for start in range(0, n_resamples, at_once):
        n = min(at_once, n_resamples - start)
        w_RN = _poisson_quantiles()[rng.integers(0, 65536, size=(n, n_rows), dtype=np.uint16)]
        yield w_RN[w_RN.any(axis=1)]  # of very few rows, a resample may have none


@cache
def _poisson_quantiles() -> Array:
    """Poisson(1) at 65,536 evenly spaced probabilities: a draw is one look-up, ten times the speed of the generator."""
    below = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(12)])
    return np.searchsorted(below, (np.arange(65536) + 0.5) / 65536).astype(np.float32)


def _n_resamples(metrics: Sequence[Metric], scored: Scored, n_bootstrap: int) -> int:
    """As many as asked, but fewer where many classes of many rows must be ranked in each."""
    if not any(metric.needs == "ranks" for metric in metrics):
        return n_bootstrap
    return max(100, min(n_bootstrap, MOST_RANKED // (scored.n_rows * len(scored.ranked_classes))))


def _difference(values: Sequence[Array]) -> Array:
    return values[0] if len(values) == 1 else values[0] - values[1]


def _all_once(scored: Scored) -> Weighted:
    return Weighted(scored, np.ones((1, scored.n_rows)))


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x))

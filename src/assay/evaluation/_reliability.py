"""Calibration error and what chance alone makes of it. Shapes: N rows, B bins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from assay.evaluation._scored import Array, Scored

N_BINS = 15


@dataclass(frozen=True)
class Ece:
    """A binned calibration error, what a perfectly calibrated model would show by chance, and its standard error."""

    value: float
    by_chance: float
    standard_error: float


def confidence_and_hit(scored: Scored) -> tuple[Array, Array]:
    """What is foretold and whether it came true.

    In binary tasks that is the positive class; in others the predicted class, with its probability (Guo et al. 2017).
    """
    if scored.positive is not None:
        return scored.p_of(scored.positive).astype(float), (scored.y_N == scored.positive).astype(float)
    assert scored.p_NK is not None
    return scored.p_NK.max(axis=1).astype(float), (scored.y_N == scored.y_hat_N).astype(float)


def bin_of(confidence_N: Array) -> Array:
    """The bin of each probability: 15 of equal width."""
    return np.minimum((confidence_N * N_BINS).astype(np.int16), N_BINS - 1)


def sums_per_bin(scored: Scored) -> tuple[Array, Array, Array]:
    """Rows, foretold probabilities and hits of each bin."""
    confidence_N, hit_N = confidence_and_hit(scored)
    bin_N = bin_of(confidence_N)
    n_B, foretold_B, hits_B = (np.bincount(bin_N, weight, N_BINS) for weight in (None, confidence_N, hit_N))
    return n_B, foretold_B, hits_B


def ece(n_B: Array, foretold_B: Array, hits_B: Array) -> Ece:
    """The expected calibration error from sums per bin: rows, probabilities, hits. 0: as many hits as foretold.

    The plain estimate is never 0 in a finite sample, so `by_chance` is its expectation when each hit is Bernoulli
    with its bin's mean probability: the mean absolute deviation of the binomial, in de Moivre's closed form.
    """
    n_rows = float(n_B.sum())
    filled = n_B > 0
    n_B, foretold_B, hits_B = n_B[filled], foretold_B[filled], hits_B[filled]
    p_B, rate_B = foretold_B / n_B, hits_B / n_B
    spread_B = n_B * np.maximum(p_B * (1 - p_B), rate_B * (1 - rate_B))
    return Ece(
        value=float(np.abs(hits_B - foretold_B).sum() / n_rows),
        by_chance=sum(_mean_deviation(int(n), float(p)) for n, p in zip(n_B, p_B, strict=True)) / n_rows,
        standard_error=math.sqrt(float(spread_B.sum())) / n_rows,
    )


def _mean_deviation(n: int, p: float) -> float:
    """E|X - np| of a binomial X: 2 m C(n, m) p^m q^(n-m+1) with m = floor(np) + 1 (de Moivre 1730)."""
    if not 0 < p < 1:
        return 0.0
    m = math.floor(n * p) + 1
    log_choose = math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
    return 2 * m * math.exp(log_choose + m * math.log(p) + (n - m + 1) * math.log1p(-p))

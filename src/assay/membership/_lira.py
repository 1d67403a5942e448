"""The likelihood ratio of LiRA, and how many training rows it recognises. N rows, M shadow models."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from assay.artifacts import Interval
from assay.evaluation._intervals import wilson

LEVEL = 0.95
LEAST_SPREAD = 1e-3

Floats = NDArray[np.float64]


def halves(hash_N: NDArray[np.uint64], n_shadows: int) -> NDArray[np.bool_]:
    """Which rows each shadow is trained on, [M, N]: half of the shadows for each row, dealt by its content."""
    draw_MN = np.stack([_mixed(hash_N + np.uint64(0x9E3779B97F4A7C15 * (m + 1) % 2**64)) for m in range(n_shadows)])
    return np.asarray(draw_MN.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") < n_shadows // 2)


def ratios(sure_N: Floats, sure_MN: Floats, inside_MN: NDArray[np.bool_]) -> Floats:
    """Log p(sure | trained on it) - log p(sure | not), normal with a mean per row.

    The spread is one for all rows: a few shadows do not tell one per row (section VI.C of the paper).
    """
    parts = []
    for inside in (inside_MN, ~inside_MN):
        n_N = inside.sum(axis=0)
        mean_N = np.where(inside, sure_MN, 0).sum(axis=0) / n_N
        squares = np.where(inside, (sure_MN - mean_N) ** 2, 0).sum()
        spread = max(math.sqrt(squares / max(1, int((n_N - 1).sum()))), LEAST_SPREAD)
        spread_N = spread * np.sqrt(1 + 1 / n_N)  # the mean is known from n models only
        parts.append(-0.5 * ((sure_N - mean_N) / spread_N) ** 2 - np.log(spread_N))
    return np.asarray(parts[0] - parts[1])


def recognised(member_N: Floats, other_N: Floats, fpr: float) -> Interval:
    """The share of members above the threshold that `fpr` of the others pass.

    Where that threshold lies is itself known from so many others only; the bounds allow for both.
    """
    falling_N = np.sort(other_N)[::-1]
    allowed = wilson(fpr * len(other_N), len(other_N), LEVEL)

    def above(share: float) -> Interval:
        k = min(int(share * len(falling_N)), len(falling_N) - 1)
        return wilson(int((member_N > falling_N[k]).sum()), len(member_N), LEVEL)

    return Interval(value=above(fpr).value, low=above(allowed.low).low, high=above(allowed.high).high)


def area(member_N: Floats, other_N: Floats) -> float:
    """The chance that a member has the higher ratio of a member and another row (Mann & Whitney)."""
    rank_N = np.concatenate([member_N, other_N]).argsort(kind="stable").argsort(kind="stable")
    n = len(member_N)
    return float((rank_N[:n].sum() - n * (n - 1) / 2) / (n * len(other_N)))


def _mixed(x_N: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64."""
    x_N = (x_N ^ (x_N >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x_N = (x_N ^ (x_N >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x_N ^ (x_N >> np.uint64(31))

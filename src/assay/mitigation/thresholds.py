"""A decision threshold per group, chosen on valid rows so that groups' rates agree and accuracy is highest.

Deterministic, unlike the randomised thresholds of Hardt et al. (2016): two people with the same answers and of the same
group get the same decision.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from assay.spec.words import Words

Array = npt.NDArray[Any]
N_LEVELS = 1000

NOTICE = (
    "Thresholds per group: the sensitive attribute has to be known of everybody who is scored, and it is used in the "
    "decision. Where the law forbids to treat people differently by it (in the United States e.g. 42 U.S.C. 2000e-2(l) "
    "and ECOA, 15 U.S.C. 1691), such a model must not decide. Ask counsel before it is used."
)


class Config(Words):
    """`equal` is the rate in which groups are to agree."""

    equal: Literal["selection_rate", "true_positive_rate"] = "selection_rate"


def choose(config: Config, p_N: Array, positive_N: Array, group_N: Array, n_groups: int) -> tuple[float, ...]:
    """One threshold per group: of the levels of the common rate, the one with the most right decisions.

    `p_N` are probabilities of the positive class, float [N], and `positive_N` says which rows are positive.
    """
    level_L = np.linspace(0, 1, N_LEVELS + 1)
    right_L, cut_GL = np.zeros(len(level_L)), np.empty((n_groups, len(level_L)))
    for group in range(n_groups):
        own_N = group_N == group
        counted_N = own_N & positive_N if config.equal == "true_positive_rate" else own_N
        cut_GL[group] = cuts(p_N[counted_N], level_L)
        for positive, sign in ((True, 1), (False, -1)):
            falling = np.sort(p_N[own_N & (positive_N == positive)])
            right_L += sign * (len(falling) - np.searchsorted(falling, cut_GL[group]))
    return tuple(cut_GL[:, int(np.argmax(right_L))].tolist())


def cuts(p_N: Array, level_L: Array) -> Array:
    """The thresholds above which the shares `level_L` of `p_N` lie, each halfway between two neighbours."""
    if len(p_N) == 0:
        return np.full(len(level_L), 0.5)
    falling = np.sort(p_N)[::-1]
    edges = np.concatenate([[1.0], (falling[:-1] + falling[1:]) / 2, [0.0]])
    edges[0] = np.nextafter(falling[0], 2.0)  # nobody
    cut_L: Array = edges[np.rint(level_L * len(p_N)).astype(int)]
    return cut_L

"""How the labels of a group differ from those of everybody else.

All measures are functions of counts (in the group or not x class x stratum), so their intervals come from resampled
counts, seeded by the counts themselves. Definitions: Amazon SageMaker Clarify (Das et al. 2021), with the group as the
facet and all others as its complement:

CI    class imbalance: (others - group) / all. 0: as many in the group as outside it.
DPL   difference in proportions of positive labels: others less group. 0: equal shares.
KL    Kullback-Leibler divergence of the others' labels from the group's. 0: the same distribution; so for all below.
JS    Jensen-Shannon divergence.
LP    Euclidean distance of the two distributions.
TVD   half their absolute distance.
KS    the largest distance of one class.
CDDL  the group's share of the negative labels less its share of the positive ones, averaged over strata. 0: equal.

Shapes: F (others, group), K classes, S strata, R resamples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.artifacts import DataCheck, Interval, LabelBias, PairGap
from assay.audit._groups import Groups
from assay.gates import _rates

Array = npt.NDArray[Any]
N_RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Labels:
    """The labels of the training rows: class codes, names, the positive classes, and a stratum per row."""

    y_N: Array
    classes: tuple[str, ...]
    positive: tuple[int, ...]
    stratum_N: Array


def label_bias(found: Mapping[str, Groups], labels: Labels) -> Iterator[LabelBias]:
    """Every measure of every group that has rows, and rows outside it."""
    for feature, group, n_FKS in _tables(found, labels):
        n_others, n_rows = (int(n) for n in n_FKS.sum(axis=(1, 2)))
        yield LabelBias(
            sensitive=feature,
            group=group,
            n_rows=n_rows,
            n_others=n_others,
            measures=tuple(_measured(n_FKS, labels.positive)),
        )


def label_gaps(
    found: Mapping[str, Groups], labels: Labels, most: float | None, min_share: float
) -> Iterator[DataCheck]:
    """The share of each positive class in a group and outside it, by the rule of `max_disparity`.

    As there, a group smaller than `min_share` can fail; it is not asked to pass.
    """
    for feature in found:
        own = [(group, n_FKS) for name, group, n_FKS in _tables({feature: found[feature]}, labels)]
        n_pairs = max(1, len(own) * len(labels.positive))
        for group, n_FKS in own:
            n_F, k_F = n_FKS.sum(axis=(1, 2)), n_FKS.sum(axis=2)
            for positive in labels.positive:
                pair = PairGap(
                    metric="selection_rate",
                    sensitive=feature,
                    group_a="others",
                    group_b=group,
                    n_a=float(n_F[0]),
                    k_a=float(k_F[0, positive]),
                    n_b=float(n_F[1]),
                    k_b=float(k_F[1, positive]),
                )
                gap = _gap(pair, labels.classes[positive], n_pairs, most)
                small = pair.n_b < min_share * n_F.sum() and gap.verdict == "INCONCLUSIVE"
                yield replace(gap, verdict="NOT_APPLICABLE") if small else gap


def _gap(pair: PairGap, label: str, n_pairs: int, most: float | None) -> DataCheck:
    low, high = _rates.bounds(pair, "difference", _rates.CONFIDENCE)
    verdict = "NOT_APPLICABLE" if most is None else _rates.verdict(pair, "difference", (-most, most), n_pairs)
    return DataCheck(
        check="label bias",
        about=f"{pair.sensitive}: {pair.group_b}",
        verdict=verdict,
        reason=f"{pair.k_b / pair.n_b:.2%} of {pair.n_b:,.0f} rows are labelled {label!r}, and "
        f"{pair.k_a / pair.n_a:.2%} of the others.",
        value=_rates.gap(pair, "difference"),
        low=low,
        high=high,
        bound=most,
    )


def _tables(found: Mapping[str, Groups], labels: Labels) -> Iterator[tuple[str, str, Array]]:
    """Counts int64 [2, K, S] of every group that has rows, and rows outside it; of two groups the smaller alone."""
    n_classes, n_strata = len(labels.classes), int(labels.stratum_N.max(initial=0)) + 1
    for feature, (code_N, names) in found.items():
        cell_N = (code_N * n_classes + labels.y_N) * n_strata + labels.stratum_N
        n_GKS = np.bincount(cell_N, minlength=len(names) * n_classes * n_strata)
        n_GKS = n_GKS.reshape(len(names), n_classes, n_strata)
        n_G, total_KS = n_GKS.sum(axis=(1, 2)), n_GKS.sum(axis=0)
        there = [int(g) for g in np.flatnonzero(n_G) if n_G[g] < len(code_N)]
        if len(there) == 2:  # the other one has the same numbers with another sign
            there = [min(there, key=lambda g: (n_G[g], names[g]))]
        for g in there:
            yield feature, names[g], np.stack([total_KS - n_GKS[g], n_GKS[g]])


def _measured(n_FKS: Array, positive: tuple[int, ...]) -> Iterator[tuple[str, Interval, float]]:
    """Each measure with a percentile interval, and its mean where labels do not depend on the group."""
    seed = int.from_bytes(hashlib.sha256(np.ascontiguousarray(n_FKS).tobytes()).digest()[:8], "big")
    rng, n_rows = np.random.default_rng(seed), int(n_FKS.sum())
    n_F11, n_1KS = n_FKS.sum(axis=(1, 2), keepdims=True), n_FKS.sum(axis=0, keepdims=True)
    drawn_RFKS = _draw(rng, n_rows, n_FKS / n_rows)
    chance_RFKS = _draw(rng, n_rows, n_F11 * n_1KS / n_rows**2)
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    for name, measure in MEASURES.items():
        if name == "CDDL" and len(positive) > 1:
            continue  # of many classes none is the wanted one
        value = float(measure(n_FKS[None].astype(float), positive)[0])
        low, high = (float(q) for q in np.quantile(measure(drawn_RFKS, positive), tails))
        interval = Interval(value=value, low=min(low, value), high=max(high, value), level=LEVEL)
        yield name, interval, float(measure(chance_RFKS, positive).mean())


def _draw(rng: np.random.Generator, n_rows: int, p_FKS: Array) -> Array:
    drawn: Array = rng.multinomial(n_rows, p_FKS.ravel(), N_RESAMPLES).reshape(N_RESAMPLES, *p_FKS.shape).astype(float)
    return drawn


def _distributions(n_RFKS: Array) -> tuple[Array, Array]:
    """Label distributions [R, K] of the others and of the group, half a count added where a class has none."""
    n_RFK = n_RFKS.sum(axis=3)
    n_RFK = np.where((n_RFK == 0).any(axis=(1, 2), keepdims=True), n_RFK + 0.5, n_RFK)
    p_RFK = n_RFK / n_RFK.sum(axis=2, keepdims=True)
    return p_RFK[:, 0], p_RFK[:, 1]


def _ci(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    n_RF = n_RFKS.sum(axis=(2, 3))
    return np.asarray((n_RF[:, 0] - n_RF[:, 1]) / n_RF.sum(axis=1))


def _dpl(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    """Of many positive classes, the one that differs most in the data."""
    n_RFK = n_RFKS.sum(axis=3)
    p_RFK = n_RFK[:, :, list(positive)] / np.maximum(n_RFK.sum(axis=2, keepdims=True), 1)
    gap_RK = p_RFK[:, 0] - p_RFK[:, 1]
    return np.asarray(gap_RK[:, np.abs(gap_RK.mean(axis=0)).argmax()])


def _kl(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    p_RK, q_RK = _distributions(n_RFKS)
    return np.asarray((p_RK * np.log(p_RK / q_RK)).sum(axis=1))


def _js(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    p_RK, q_RK = _distributions(n_RFKS)
    middle_RK = (p_RK + q_RK) / 2
    halves = (p_RK * np.log(p_RK / middle_RK) + q_RK * np.log(q_RK / middle_RK)).sum(axis=1)
    return np.asarray(halves / 2)


def _lp(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    p_RK, q_RK = _distributions(n_RFKS)
    return np.asarray(np.sqrt(((p_RK - q_RK) ** 2).sum(axis=1)))


def _tvd(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    p_RK, q_RK = _distributions(n_RFKS)
    return np.asarray(np.abs(p_RK - q_RK).sum(axis=1) / 2)


def _ks(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    p_RK, q_RK = _distributions(n_RFKS)
    return np.asarray(np.abs(p_RK - q_RK).max(axis=1))


def _cddl(n_RFKS: Array, positive: tuple[int, ...]) -> Array:
    pos_RFS = n_RFKS[:, :, positive[0]]
    neg_RFS = n_RFKS.sum(axis=2) - pos_RFS
    shares = [part[:, 1] / np.maximum(part.sum(axis=1), 1) for part in (neg_RFS, pos_RFS)]
    weight_RS = n_RFKS.sum(axis=(1, 2))
    return np.asarray(((shares[0] - shares[1]) * weight_RS).sum(axis=1) / weight_RS.sum(axis=1))


MEASURES: dict[str, Callable[[Array, tuple[int, ...]], Array]] = {
    "CI": _ci, "DPL": _dpl, "KL": _kl, "JS": _js, "LP": _lp, "TVD": _tvd, "KS": _ks, "CDDL": _cddl
}  # fmt: skip

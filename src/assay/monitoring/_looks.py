"""Looks at one column of a window: a test and an effect size each.

0 means the same for every effect: PSI, the population stability index; the difference in the share of missing values;
the share of new levels. N and M are rows of the reference and of the window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy import stats

from assay.artifacts import ColumnReference, Look
from assay.errors import examples
from assay.monitoring._cells import Array, Counted, counted, merged, of_reference
from assay.spec.monitoring import MonitoringSpec


def of_column(column: Any, of: ColumnReference, config: MonitoringSpec) -> Iterator[Look]:
    """Values, missing values and, of texts, new levels of one input."""
    window, before = counted(column, of), of_reference(of)
    if of.is_looked_at and window.n_present:
        yield _values("values", of, before, window, config.min_psi)
    yield _missing(of, window, len(column), config.min_missing)
    if of.is_looked_at and of.kind != "numeric" and window.n_present:
        yield _new(of.name, window, config)


def of_prediction(column: Any, of: ColumnReference, config: MonitoringSpec) -> Iterator[Look]:
    """The predicted classes, numbers or probabilities."""
    window = counted(column, of)
    if of.is_looked_at and window.n_present:
        yield _values("prediction", of, of_reference(of), window, config.min_psi)


def corrected(looks: Sequence[Look], alpha: float) -> tuple[Look, ...]:
    """The looks with p-values for all of them together (Benjamini & Hochberg 1995), and whether each has moved."""
    if not looks:
        return ()
    p_adjusted = stats.false_discovery_control([look.p for look in looks])
    return tuple(
        replace(look, p_adjusted=float(p), moved=bool(p <= alpha and look.effect >= look.bound))
        for look, p in zip(looks, p_adjusted, strict=True)
    )


def ks(reference_C: Array, window_C: Array) -> float:
    """The p-value of the two-sample test of Kolmogorov and Smirnov, from rows per cell of rising numbers.

    The distance is the largest at the points of the reference, so with fewer points than values it is no larger than
    the true one: the test errs towards saying nothing.
    """
    n, m = float(reference_C.sum()), float(window_C.sum())
    distance = float(np.abs(np.cumsum(reference_C) / n - np.cumsum(window_C) / m).max())
    return float(stats.kstwo.sf(distance, np.round(n * m / (n + m))))


def chi_square(reference_C: Array, window_C: Array) -> float:
    """The p-value of the test that both have the same shares (Pearson 1900); 1 where there is one cell."""
    if len(reference_C) < 2:
        return 1.0
    return float(stats.chi2_contingency(np.array([reference_C, window_C]), correction=False).pvalue)


def psi(reference_C: Array, window_C: Array) -> float:
    """The population stability index: the sum of (q - p) ln(q / p) over cells, each with half a row more."""
    p_C, q_C = ((count_C + 0.5) / (count_C.sum() + 0.5 * len(count_C)) for count_C in (reference_C, window_C))
    return float(((q_C - p_C) * np.log(q_C / p_C)).sum())


def _values(
    about: Literal["values", "prediction"], of: ColumnReference, before: Counted, window: Counted, bound: float
) -> Look:
    is_number = of.kind == "numeric"
    few = merged(before.count_C, window.count_C, is_number)
    p = ks(before.count_C, window.count_C) if is_number else chi_square(*few)
    return Look(
        about=about,
        name=of.name,
        test="Kolmogorov-Smirnov" if is_number else "chi-square",
        p=p,
        p_adjusted=p,
        measure="PSI",
        effect=psi(*few),
        bound=bound,
        moved=False,
        detail=_shift(of, window),
    )


def _shift(of: ColumnReference, window: Counted) -> str:
    """In words what is different: the median, or the level whose share has changed most."""
    if of.kind == "numeric":
        before, now = (_median(count_C, of.points) for count_C in (of_reference(of).count_C, window.count_C))
        return f"median {before:.4g}, now {now:.4g}"
    before_C = of_reference(of).count_C / max(1, of.n_rows - of.n_missing)
    now_C = window.count_C / window.n_present
    names = (*of.levels, "rarer ones", "new ones")
    most = int(np.abs(now_C - before_C).argmax())
    return f"{names[most][:40]} {before_C[most]:.1%}, now {now_C[most]:.1%}"


def _median(count_C: Array, points: Sequence[float]) -> float:
    place = int(np.searchsorted(np.cumsum(count_C), count_C.sum() / 2))
    return points[min(max(place - 1, 0), len(points) - 1)]


def _missing(of: ColumnReference, window: Counted, n_rows: int, bound: float) -> Look:
    n, m = of.n_rows, n_rows
    before, now = of.n_missing / n, window.n_missing / m if m else 0.0
    table = np.array([[of.n_missing, n - of.n_missing], [window.n_missing, m - window.n_missing]])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    if expected.min() == 0:
        p, test = 1.0, "chi-square"
    elif expected.min() < 5:
        p, test = float(stats.fisher_exact(table).pvalue), "Fisher"
    else:
        p, test = float(stats.chi2_contingency(table, correction=False).pvalue), "chi-square"
    return Look(
        about="missing", name=of.name, test=test, p=p, p_adjusted=p, measure="difference", effect=abs(now - before),
        bound=bound, moved=False, detail=f"{before:.1%} missing, now {now:.1%}",
    )  # fmt: skip


def _new(name: str, window: Counted, config: MonitoringSpec) -> Look:
    """New levels: are they more than `min_new` of all values? An exact binomial test of just that."""
    n_new, n = int(window.count_C[-1]), window.n_present
    p = float(stats.binom.sf(n_new - 1, n, config.min_new)) if n_new else 1.0
    share = n_new / n
    return Look(
        about="new levels", name=name, test="binomial", p=p, p_adjusted=p, measure="share", effect=share,
        bound=config.min_new, moved=False,
        detail=f"{share:.1%} are {examples(window.new, 3)}" if n_new else "none",
    )  # fmt: skip

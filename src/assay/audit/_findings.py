"""Findings from cells: rates and means of every group, and the gap between every two of them.

The metrics and what 0 means: `selection_rate`, the share predicted positive (0: nobody); `true_positive_rate` and
`false_positive_rate`, that share among positives and among negatives; `accuracy` (0: all wrong); `precision`, the share
of positives among those predicted positive; `calibration_error`, the ECE beyond what chance gives a calibrated group
(0: as calibrated as its size can show); `mean_error` (0: neither too high nor too low) and `mean_absolute_error` (0:
exact). With more than two classes each rate stands once per class, `selection_rate[cat]`. A gap of 0 (a ratio of 1)
means that two groups are treated alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Blob, Findings, GroupRow, Interval, PairGap, Reliability
from assay.audit._cells import meaning_of
from assay.audit._groups import order
from assay.evaluation._reliability import N_BINS, ece
from assay.gates import _rates
from assay.gates._rates import CALIBRATION, CONFIDENCE, COUNTED, IF_CALIBRATED, MEANS

Array = npt.NDArray[Any]
LEVEL = 0.95
MOST_GROUPS = 100


@dataclass(frozen=True)
class Tally:
    """What one metric needs of one group: `k` of `n`, or for means sum and sum of squares.

    For calibration `k` is n times the ECE, `ss` n squared times its variance, `by_chance` n times what chance gives.
    """

    n: float
    k: float
    ss: float = 0.0
    by_chance: float = 0.0


def findings_from_cells(cells: pa.Table, stored: Blob) -> Findings:
    """Groups, gaps and problems of every sensitive feature and crossing in the cells."""
    meaning = meaning_of(cells)
    groups: list[GroupRow] = []
    gaps: list[PairGap] = []
    problems: list[str] = []
    reliability: list[Reliability] = []
    for sensitive in meaning["sensitive"]:
        own = cells.filter(pc.equal(cells["sensitive"], sensitive))
        by_group = {group: own.filter(pc.equal(own["group"], group)) for group in pc.unique(own["group"]).to_pylist()}
        tallies = {group: _tallies(by_group[group], meaning) for group in sorted(by_group, key=order)}
        rows = _group_rows(sensitive, tallies, meaning["min_share"])
        groups += rows
        if meaning["task"] == "classification":
            reliability += [_reliability(row, by_group[row.group], meaning) for row in rows if row.powered]
        problems += _problems(sensitive, tallies)
        if len(rows) <= MOST_GROUPS:
            gaps += _gaps(sensitive, tallies, rows, meaning["min_share"])
    return Findings(
        cells=stored,
        fold=meaning["fold"],
        groups=tuple(groups),
        gaps=tuple(gaps),
        problems=tuple(problems),
        reliability=tuple(reliability),
    )


def _tallies(cells: pa.Table, meaning: dict[str, Any]) -> dict[str, Tally]:
    """Every metric of one group; those with nothing to be a share of have n = 0."""
    if meaning["task"] == "regression":
        return _mean_tallies(cells)
    y_C, y_hat_C, n_C = (cells[name].to_numpy() for name in ("y", "y_hat", "n"))
    right_C = y_C == y_hat_C
    tallies = {"accuracy": _share(right_C, True, n_C)}
    for k, suffix in _classes(meaning):
        own_C, called_C = y_C == k, y_hat_C == k
        tallies[f"selection_rate{suffix}"] = _share(called_C, True, n_C)
        tallies[f"true_positive_rate{suffix}"] = _share(called_C, own_C, n_C)
        tallies[f"false_positive_rate{suffix}"] = _share(called_C, ~own_C, n_C)
        tallies[f"precision{suffix}"] = _share(own_C, called_C, n_C)
    return tallies | {CALIBRATION: _calibration_tally(_per_bin(cells, meaning))}


def _classes(meaning: dict[str, Any]) -> list[tuple[int, str]]:
    if meaning["positive"] is not None:
        return [(meaning["positive"], "")]
    return [(k, f"[{name}]") for k, name in enumerate(meaning["classes"])]


def _share(hit_C: Array, among_C: Array | bool, n_C: Array) -> Tally:
    return Tally(n=int((n_C * among_C).sum()), k=int((n_C * (hit_C & among_C)).sum()))


def _per_bin(cells: pa.Table, meaning: dict[str, Any]) -> tuple[Array, Array, Array]:
    """Rows, foretold probabilities and hits of each score bin [B]."""
    y_C, y_hat_C, n_C, bin_C = (cells[name].to_numpy() for name in ("y", "y_hat", "n", "bin"))
    hit_C = y_C == (y_hat_C if meaning["positive"] is None else meaning["positive"])
    p_C = pc.cast(cells["p"], pa.float64()).to_numpy()
    n_B, p_B, hits_B = (np.bincount(bin_C, weight, N_BINS) for weight in (n_C, p_C, n_C * hit_C))
    return n_B, p_B, hits_B


def _reliability(row: GroupRow, cells: pa.Table, meaning: dict[str, Any]) -> Reliability:
    per_bin = _per_bin(cells, meaning)
    n_B, p_B, hits_B = (sums_B[per_bin[0] > 0] for sums_B in per_bin)
    return Reliability(
        sensitive=row.sensitive,
        group=row.group,
        n_rows=tuple(int(n) for n in n_B),
        foretold=tuple((p_B / n_B).tolist()),
        happened=tuple((hits_B / n_B).tolist()),
    )


def _calibration_tally(per_bin: tuple[Array, Array, Array]) -> Tally:
    found = ece(*per_bin)
    n = int(per_bin[0].sum())
    return Tally(n=n, k=found.value * n, ss=(found.standard_error * n) ** 2, by_chance=found.by_chance * n)


def _mean_tallies(cells: pa.Table) -> dict[str, Tally]:
    total, absolute, squared = (
        float(pc.sum(cells[name]).as_py()) for name in ("error", "absolute_error", "squared_error")
    )
    n = pc.sum(cells["n"]).as_py()
    return {"mean_error": Tally(n, total, squared), "mean_absolute_error": Tally(n, absolute, squared)}


def _group_rows(sensitive: str, tallies: dict[str, dict[str, Tally]], min_share: float) -> list[GroupRow]:
    n_rows = {group: _rows(own) for group, own in tallies.items()}
    shares = {group: n / sum(n_rows.values()) for group, n in n_rows.items()}
    return [
        GroupRow(
            sensitive=sensitive,
            group=group,
            n_rows=n_rows[group],
            share=shares[group],
            powered=shares[group] >= min_share,
            metrics=tuple(
                (metric, tally.k, tally.n, _interval(metric, tally))
                for metric, tally in own.items()
                if _is_defined(metric, tally)
            ),
        )
        for group, own in tallies.items()
    ]


def _rows(own: dict[str, Tally]) -> int:
    return int(next(iter(own.values())).n)  # accuracy and mean error count rows


def _is_defined(metric: str, tally: Tally) -> bool:
    return tally.n >= (_rates.MIN_ROWS_OF_A_MEAN if metric in MEANS else 1)


def _interval(metric: str, tally: Tally) -> Interval:
    one_sided = (1 + LEVEL) / 2
    value = tally.k / tally.n
    if metric in MEANS:
        arm = _rates.t(one_sided, tally.n - 1) * math.sqrt(_rates.variance_of_mean(tally.n, tally.k, tally.ss))
        return Interval(value=value, low=value - arm, high=value + arm, level=LEVEL)
    if metric == CALIBRATION:
        pair = _pair(metric, "", ("", tally), (IF_CALIBRATED, Tally(tally.n, tally.by_chance)), 1, True)
        low, high = _rates.bounds(pair, "difference", one_sided)
        return Interval(value=pair.gap, low=low, high=high, level=LEVEL)
    low, high = _rates.wilson(tally.k, tally.n, one_sided)
    return Interval(value=value, low=low, high=high, level=LEVEL)


def _gaps(
    sensitive: str, tallies: dict[str, dict[str, Tally]], rows: list[GroupRow], min_share: float
) -> Iterator[PairGap]:
    """Every pair of groups in every metric. Powered is who has the share in rows, or in what the metric counts."""
    by_rows = {row.group for row in rows if row.powered}
    for metric in next(iter(tallies.values()), {}):
        own = [(group, tally[metric]) for group, tally in tallies.items() if _is_defined(metric, tally[metric])]
        total = sum(tally.n for _, tally in own)
        powered = by_rows | {group for group, tally in own if tally.n >= min_share * total}
        if metric == CALIBRATION:
            pairs = [(one, (IF_CALIBRATED, Tally(one[1].n, one[1].by_chance))) for one in own]
        else:
            pairs = [_higher_first(*pair) for pair in itertools.combinations(own, 2)]
        for a, b in pairs:
            is_powered = a[0] in powered and (b[0] in powered or b[0] == IF_CALIBRATED)
            pair = _pair(metric, sensitive, a, b, len(pairs), is_powered)
            yield pair
            if _rates.base(metric) == "selection_rate":
                yield _bounded(replace(_rates.turned(pair), scale="ratio"), len(pairs))


def _higher_first(a: tuple[str, Tally], b: tuple[str, Tally]) -> tuple[tuple[str, Tally], tuple[str, Tally]]:
    return (a, b) if a[1].k / a[1].n >= b[1].k / b[1].n else (b, a)


def _pair(
    metric: str, sensitive: str, a: tuple[str, Tally], b: tuple[str, Tally], n_pairs: int, powered: bool
) -> PairGap:
    pair = PairGap(
        metric=metric,
        sensitive=sensitive,
        group_a=a[0],
        group_b=b[0],
        n_a=a[1].n,
        k_a=a[1].k,
        n_b=b[1].n,
        k_b=b[1].k,
        ss_a=a[1].ss,
        ss_b=b[1].ss,
        powered=powered,
    )
    return _bounded(pair, n_pairs)


def _bounded(pair: PairGap, n_pairs: int) -> PairGap:
    low, high = _rates.bounds(pair, pair.scale, CONFIDENCE)
    low_adjusted, high_adjusted = _rates.bounds(pair, pair.scale, _rates.adjusted(n_pairs))
    return replace(
        pair,
        gap=_rates.gap(pair, pair.scale),
        low=low,
        high=high,
        low_adjusted=low_adjusted,
        high_adjusted=high_adjusted,
    )


def _problems(sensitive: str, tallies: dict[str, dict[str, Tally]]) -> Iterator[str]:
    """What keeps a gate from an answer, in words that begin with the feature's name."""
    groups = list(tallies)
    if len(groups) < 2:
        yield f"{sensitive}: all rows are in one group, {', '.join(groups) or '(no rows)'}; nothing to compare."
    if len(groups) > MOST_GROUPS:
        yield f"{sensitive}: {len(groups)} groups are too many to compare; at most {MOST_GROUPS}. Cut or merge them."
    for metric in next(iter(tallies.values()), {}):
        lacking = [group for group, own in tallies.items() if not _is_defined(metric, own[metric])]
        if lacking:
            unit = COUNTED.get(_rates.base(metric), f"{_rates.MIN_ROWS_OF_A_MEAN} rows")
            yield f"{sensitive}: {', '.join(lacking[:5])} without {unit}, so {metric} is not defined there."

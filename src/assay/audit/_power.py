"""Whether the gates of the spec can be decided at all with the rows that the audit will have.

Rows (or positives) per group that let a pair pass with 80 % probability when its groups are truly equal, at a tolerance
d, by the normal approximation: each of two groups needs n = 2 V (z_95 + z_80)^2 / d^2, where V is the variance of one
row's part in the gap; beside a group that is larger, fewer. Differences: V = p (1 - p); ratios, on the log scale:
V = (1 - p) / p and d = -log of the smallest ratio (Julious 2004).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.artifacts import DataAudit, DataCheck, GroupCount
from assay.gates import _rates, max_disparity
from assay.spec import plugins
from assay.spec.evidence import DataAuditSpec, GateSpec

POWER = 0.8


def power(found: DataAudit, gates: tuple[GateSpec, ...], config: DataAuditSpec) -> Iterator[DataCheck]:
    """Per gate on a rate: the groups that are too few, or one PASS. Other gates are left out."""
    for gate in gates:
        if gate.gate != "max_disparity":
            continue
        asked: max_disparity.Config = plugins.config("gate", gate.gate, gate.options)
        for part in asked.parts:
            if part in _rates.RATES:
                yield from _of_metric(part, asked, found, config)


def needed(rate: float, limit: float, scale: _rates.Scale, n_other: float = math.inf) -> float:
    """How many one group needs beside `n_other` of another; where that is too few itself, how many each needs."""
    variance = rate * (1 - rate) if scale == "difference" else (1 - rate) / rate
    allowed = (limit / (_rates.z(_rates.CONFIDENCE) + _rates.z(POWER))) ** 2
    rest = allowed - variance / n_other
    return variance / rest if rest > variance / n_other else 2 * variance / allowed


def _of_metric(
    metric: str, asked: max_disparity.Config, found: DataAudit, config: DataAuditSpec
) -> Iterator[DataCheck]:
    rows = [row for row in found.counts if row.sensitive == asked.feature]
    classes = [found.positive] if found.positive is not None else range(len(found.classes))
    limit = asked.bound if asked.scale == "difference" else -math.log(asked.bound)
    rate = config.assumed_rate or (found.positive_rate if metric == "selection_rate" else 0.5)
    for k in classes:
        name = metric if found.positive is not None else f"{metric}[{found.classes[k or 0]}]"
        if not asked.covers(name):
            continue
        counts = {row.group: _counted(metric, row, k or 0) for row in rows}
        judged = _judged(rows, counts, found.min_share)
        short = list(_short(name, judged, limit, rate, asked, metric))
        yield from short
        if not short:
            words = f"{name} by {asked.feature} within {asked.bound:g}"
            enough = len(judged) >= 2
            reason = (
                f"Enough {_unit(metric)} of all {len(judged)} groups, were they truly equal at a rate of {rate:.2f}."
                if enough
                else f"{len(judged)} of its groups are large enough to be judged, and it takes 2."
            )
            yield DataCheck(check="power", about=words, verdict="PASS" if enough else "INCONCLUSIVE", reason=reason)


def _short(
    name: str, judged: dict[str, int], limit: float, rate: float, asked: max_disparity.Config, metric: str
) -> Iterator[DataCheck]:
    for group, n in judged.items():
        others = [count for other, count in judged.items() if other != group]
        wanted = needed(rate, limit, asked.scale, min(others, default=0) or 1.0)  # every pair must pass
        if n < wanted:
            unit = _unit(metric)
            yield DataCheck(
                check="power",
                about=f"{asked.feature}: {group}",
                verdict="INCONCLUSIVE",
                reason=f"{name} within {asked.bound:g} cannot be decided with {n:,} {unit}; it needs "
                f"{_rates.about(wanted)}, were the groups truly equal at a rate of {rate:.2f}.",
                value=float(n),
                bound=float(math.ceil(wanted)),
            )


def _judged(rows: list[GroupCount], counts: dict[str, int], min_share: float) -> dict[str, int]:
    """The groups that a gate must decide: large enough in rows, or in what the metric counts."""
    n_rows, total = max(1, sum(row.n_rows for row in rows)), max(1, sum(counts.values()))
    return {
        row.group: counts[row.group]
        for row in rows
        if row.n_rows >= min_share * n_rows or counts[row.group] >= min_share * total
    }


def _counted(metric: str, row: GroupCount, k: int) -> int:
    if not row.n_by_class or metric not in _rates.COUNTED:
        return row.n_rows
    own = row.n_by_class[k]
    return row.n_rows - own if metric == "false_positive_rate" else own


def _unit(metric: str) -> str:
    return _rates.COUNTED.get(metric, "rows")

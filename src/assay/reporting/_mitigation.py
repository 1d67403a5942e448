"""Before and after: the same spec without its mitigation, and with it, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.artifacts import Evaluation, Findings, Interval, PairGap, Unmitigated, as_data
from assay.reporting._format import estimate, value_and_range, words
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import badge, note, section, stacked, table

METRICS = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "log_loss", "ece")


@dataclass(frozen=True, slots=True, kw_only=True)
class Widest:
    """The widest gap of a metric between groups with enough rows, with its one-sided 95 % bounds."""

    metric: str
    sensitive: str
    groups: str
    gap: float
    low: float
    high: float


def mitigation(evaluation: Evaluation, findings: Findings | None, before: Unmitigated | None) -> Element | None:
    """The section, where the spec mitigates and was trained without that too."""
    if before is None or findings is None:
        return None
    lead = (
        f"The spec with `mitigate: {{method: {before.method}, sensitive: [{before.sensitive}]}}`, and the same spec "
        "without it, measured on the same rows."
    )
    notice = element("p", badge("unsure", "!", "Notice"), f" {before.notice}") if before.notice else None
    overall: list[list[Child]] = [[words(name), *map(_interval, pair)] for name, *pair in _overall(evaluation, before)]
    gaps: list[list[Child]] = [
        [stacked(words(a.metric), f"by {a.sensitive}"), _widest(a), _widest(b)] for a, b in _gaps(findings, before)
    ]
    return section(
        "mitigation",
        "Mitigation",
        lead,
        notice,
        table("The whole test fold", ["Metric", "Before", "After"], overall, (1, 2)),
        table("The widest gap between groups with enough rows", ["Gap", "Before", "After"], gaps, (1, 2)),
        note("A method narrows the gap that it is made for. Others may widen: parity and equal odds pull apart."),
    )


def before_and_after(
    evaluation: Evaluation, findings: Findings | None, before: Unmitigated | None
) -> dict[str, Any] | None:
    """The numbers of the section, as data."""
    if before is None or findings is None:
        return None
    return {
        "method": before.method,
        "sensitive": before.sensitive,
        "notice": before.notice,
        "metrics": [{"name": n, "before": as_data(a), "after": as_data(b)} for n, a, b in _overall(evaluation, before)],
        "gaps": [{"before": as_data(a), "after": as_data(b)} for a, b in _gaps(findings, before)],
    }


def _overall(evaluation: Evaluation, before: Unmitigated) -> list[tuple[str, Interval, Interval]]:
    then = {one.name: one.interval for one in before.evaluation.metrics if one.fold == "test"}
    now = {one.name: one.interval for one in evaluation.metrics if one.fold == "test"}
    return [(name, then[name], now[name]) for name in METRICS if name in then and name in now]


def _gaps(findings: Findings, before: Unmitigated) -> list[tuple[Widest, Widest]]:
    """Those of the features that the mitigation is for first."""
    then, now = _widest_of(before.findings), _widest_of(findings)
    pairs = [(then[key], now[key]) for key in then if key in now]
    return sorted(pairs, key=lambda pair: pair[0].sensitive != before.sensitive)


def _widest_of(findings: Findings) -> dict[tuple[str, str], Widest]:
    found: dict[tuple[str, str], PairGap] = {}
    for gap in findings.gaps:
        key = (gap.sensitive, gap.metric)
        if gap.powered and gap.scale == "difference" and (key not in found or abs(gap.gap) > abs(found[key].gap)):
            found[key] = gap
    return {
        key: Widest(
            metric=gap.metric, sensitive=gap.sensitive, groups=f"{gap.group_a} − {gap.group_b}",
            gap=gap.gap, low=gap.low, high=gap.high,
        )
        for key, gap in found.items()
    }  # fmt: skip


def _interval(interval: Interval) -> Element:
    return stacked(*value_and_range(interval))


def _widest(one: Widest) -> Element:
    return stacked(estimate(one.gap, one.low, one.high), one.groups)

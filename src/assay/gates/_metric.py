"""What `min_metric` and `max_metric` share: one metric held against one bound, from either side."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from assay.artifacts import Evidence, FoldName, GateResult, MetricValue, Verdict
from assay.gates._rates import MOST_TIMES, about, one_sided
from assay.spec.words import Words


class MetricConfig(Words):
    """A metric and how it is held: by its interval (three answers) or by the number alone (two)."""

    metric: str = Field(description="the name of a metric, e.g. accuracy")
    fold: FoldName = "test"
    by: Literal["interval", "point"] = Field(
        default="interval",
        description="interval: pass and fail need 95 % confidence; point: the number alone, blind to chance",
    )


def hold(gate: str, config: MetricConfig, evidence: Evidence, bound: float, side: Literal[1, -1]) -> GateResult:
    """The metric against `bound`: at least it (`side` 1) or at most it (`side` -1)."""
    words = "at least" if side == 1 else "at most"
    title = f"{config.metric} {words} {bound:g}" + (f" on {config.fold}" if config.fold != "test" else "")
    metric = _find(config, evidence)
    if metric is None:
        there = ", ".join(sorted(m.name for m in evidence.evaluation.metrics if m.fold == config.fold)) or "none"
        reason = f"There is no metric {config.metric!r} of the {config.fold} fold; there are: {there}."
        return GateResult(gate=gate, title=title, verdict="ERROR", reason=reason, bound=bound)
    value = metric.interval.value
    low, high = (value, value) if config.by == "point" else one_sided(metric.interval)
    answer = _verdict(low, high, bound, side)
    reason = f"{config.metric} is {value:.4g}; {words} {bound:g} is asked"
    reason += "." if config.by == "point" else f", and with 95 % confidence it is {_known(answer, low, high, side)}."
    if answer == "INCONCLUSIVE":
        arm = value - low if value > bound else high - value  # the one that still reaches over the bound
        reason += f" {_rows_to_decide(metric, evidence, abs(value - bound), arm)}"
    return GateResult(
        gate=gate, title=title, verdict=answer, reason=reason, value=value, low=low, high=high, bound=bound
    )


def _find(config: MetricConfig, evidence: Evidence) -> MetricValue | None:
    for metric in evidence.evaluation.metrics:
        if (metric.name, metric.fold) == (config.metric, config.fold):
            return metric
    return None


def _verdict(low: float, high: float, bound: float, side: int) -> Verdict:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "ERROR"
    worst, best = (low, high) if side == 1 else (-high, -low)
    if worst >= side * bound:
        return "PASS"
    return "FAIL" if best < side * bound else "INCONCLUSIVE"


def _known(answer: Verdict, low: float, high: float, side: int) -> str:
    """The bound that the answer rests on."""
    if answer == "INCONCLUSIVE":
        return f"known only to lie between {low:.4g} and {high:.4g}"
    return f"at least {low:.4g}" if (answer == "PASS") == (side == 1) else f"at most {high:.4g}"


def _rows_to_decide(metric: MetricValue, evidence: Evidence, distance: float, arm: float) -> str:
    """How many rows would decide if the number stays: an interval shrinks with the root of the rows."""
    times = (arm / distance) ** 2 if distance > 0 else math.inf
    if times > MOST_TIMES:
        return "The number lies at the bound, so no reasonable number of rows would decide."
    if metric.fold != "test":
        return f"About {times:.1f} times as many {metric.fold} rows would decide, if the number stays."
    more = about((times - 1) * evidence.evaluation.n_rows)
    return f"About {more} more test rows would decide, if the number stays."

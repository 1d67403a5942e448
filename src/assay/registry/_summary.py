"""A decision as Markdown, for the pages of MLflow's own interface. Lists: that interface sets tables without space."""

from __future__ import annotations

import re

from assay.artifacts import Decision, GateResult, MetricValue

HEADLINES = {"promote": "Promoted", "refuse": "Refused", "inconclusive": "Inconclusive"}
_MEANS_SOMETHING = re.compile(r"([\\`*_<>|\[\]#])")


def summary(decision: Decision, metrics: tuple[MetricValue, ...]) -> str:
    """Outcome and reason, every gate, and the numbers with their intervals, but for those of the valid fold."""
    parts = [f"**{HEADLINES[decision.outcome]}.** {_plain(decision.reason)}"]
    if decision.gates:
        parts.append("\n".join(["**Gates**", "", *map(_gate, decision.gates)]))
    measured = [metric for metric in metrics if metric.fold != "valid"]
    if measured:
        parts.append("\n".join(["**Numbers**", "", *map(_metric, measured)]))
    return "\n\n".join(parts)


def _gate(gate: GateResult) -> str:
    return f"* **{_plain(gate.verdict)}** {_plain(gate.title)}: {_plain(gate.reason)}"


def _metric(metric: MetricValue) -> str:
    interval = metric.interval
    bounds = f"{interval.low:.4g} to {interval.high:.4g}, {interval.level:.0%}, {metric.method}"
    return f"* {metric.fold} {_plain(metric.name)} **{interval.value:.4g}** ({_plain(bounds)})"


def _plain(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would take for its own."""
    return _MEANS_SOMETHING.sub(r"\\\1", " ".join(text.split()))

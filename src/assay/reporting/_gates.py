"""The gates: every one that was asked, its number against its bound, and its reason."""

from __future__ import annotations

import math

from assay.artifacts import Decision, Evaluation, GateResult, Verdict
from assay.reporting._format import numbers, percent, plural
from assay.reporting._intervals import Marks, strip
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import note, section, stacked, table, tone, verdict_badge
from assay.reporting._svg import domain

_ORDER: tuple[Verdict, ...] = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR", "NOT_APPLICABLE")


def gates(decision: Decision, evaluation: Evaluation) -> Element:
    """The section of the gates."""
    if not decision.gates:
        return section("gates", "Gates", "The spec asks no gate, so nothing stood between this model and its use.")
    lead = f"{_tally(decision)}. Bar: the interval that the gate looks at, one-sided where it can be. Line: the bound."
    rows = [_row(i, gate) for i, gate in enumerate(decision.gates, 1)]
    shown = table("All gates that were asked", ["Gate", "Verdict", "Estimate and bound"], rows)
    return section("gates", "Gates", lead, note(_how_sure(evaluation)), shown)


def undecided(decision: Decision) -> Element | None:
    """What would decide each gate that the rows at hand leave open."""
    rows: list[list[Child]] = [
        [element("a", gate.title, href=f"#gate-{i}"), stacked("", *needs(gate))]
        for i, gate in enumerate(decision.gates, 1)
        if gate.verdict == "INCONCLUSIVE"
    ]
    if not rows:
        return None
    lead = "The rows at hand leave these open. So many more would decide, if the numbers stay as they are."
    return section("undecided", "What would decide", lead, table("Open gates", ["Gate", "What it takes"], rows))


def needs(gate: GateResult) -> tuple[str, ...]:
    """The sentences of a gate that say what would decide it; its reason where there is none."""
    said = [line for line in gate.detail if "decide" in line]
    sentences = [part.strip().rstrip(".") + "." for part in gate.reason.split(". ") if "decide" in part]
    return tuple(said or sentences or (gate.reason,))


def _how_sure(evaluation: Evaluation) -> str:
    """What the intervals of the page are, said once."""
    levels = sorted({percent(metric.interval.level).replace(".0", "") for metric in evaluation.metrics})
    return (
        f"Intervals of metrics are two-sided{', ' * bool(levels)}{' and '.join(levels)}. A gate asks on which side of "
        "its bound the value lies, so it looks at one-sided 95 % bounds, which are closer to the value."
    )


def _tally(decision: Decision) -> str:
    verdicts: list[Verdict] = [gate.verdict for gate in decision.gates]
    counts = [(verdicts.count(verdict), verdict.lower().replace("_", " ")) for verdict in _ORDER]
    return f"{plural(len(verdicts), 'gate')} asked: {', '.join(f'{n} {word}' for n, word in counts if n)}"


def _row(i: int, gate: GateResult) -> list[Child]:
    what = element("div", gate.title, id=f"gate-{i}", class_="title")
    said = stacked(what, gate.waived, gate.reason, *(line for line in gate.detail if line != gate.reason))
    return [said, verdict_badge(gate.verdict), stacked(_strip(gate), _figures(gate))]


def _figures(gate: GateResult) -> str:
    value, low, high, bound = _texts(gate)
    ends = f" [{low}, {high}]" if low and high else ""
    return f"{value}{ends}{bound and f', bound {bound}'}" if value else "–"


def _texts(gate: GateResult) -> list[str]:
    """Value, low, high and bound, with the decimals that tell them apart; empty where there is none."""
    given = [gate.value, gate.low, gate.high, gate.bound]
    written = iter(numbers(*(value for value in given if value is not None)))
    return ["" if value is None else next(written) for value in given]


def _strip(gate: GateResult) -> Child:
    value, low, high, bound = _texts(gate)
    if gate.value is None or gate.low is None or gate.high is None or gate.bound is None:
        return None
    if not all(map(math.isfinite, (gate.value, gate.low, gate.high, gate.bound))):
        return None
    marks = Marks(value=gate.value, low=gate.low, high=gate.high, tone=tone(gate.verdict))
    told = f"{value}, from {low} to {high}, against the bound {bound}."
    return strip(told, marks, domain([*marks.ends, gate.bound], 0.12), gate.bound)

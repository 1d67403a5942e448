"""Why the model predicts what it does: what adds most, whose reasons hold, what would change a decision."""

from __future__ import annotations

from collections.abc import Iterator

from assay.artifacts import Changes, Curve, Evidence, Explained, Flips, Membership, Reasons, Stability
from assay.reporting._charts import line_chart
from assay.reporting._format import count, number, percent, plural, value_and_range
from assay.reporting._intervals import Marks, strip
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import badge, figure, folded, note, section, stacked, table
from assay.reporting._people import who
from assay.reporting._svg import domain

MOST_COLUMNS = 15


def why(evidence: Evidence | None) -> Element | None:
    """The section, where there is anything to show."""
    if evidence is None:
        return None
    parts = [
        *_importance(evidence.explained),
        *_reasons(evidence.explained.reasons if evidence.explained else None),
        *_changes(evidence.explained.changes if evidence.explained else None),
        *_stability(evidence.stability),
        *_flips(evidence.flips),
        *_membership(evidence.membership),
    ]
    if not parts:
        return None
    lead = "What the model looks at, whether its reasons hold, and what it gives away."
    return section("why", "Reasons", lead, *parts)


def _importance(found: Explained | None) -> Iterator[Element]:
    if found is None:
        return
    yield element("h3", "What adds most")
    gaps = f" Of {plural(found.n_incomplete, 'row')} the parts do not add up." if found.n_incomplete else ""
    yield note(
        f"Integrated gradients from an average training row, summed back to raw columns: the mean size of what each "
        f"adds to the {found.of}, over {count(found.n_rows)} rows.{gaps}"
    )
    shown = found.importance[:MOST_COLUMNS]
    of = domain([0.0, *(interval.high for _, interval in shown)])
    rows: list[list[Child]] = [
        [
            name,
            stacked(*value_and_range(one)),
            strip(f"{name}: {number(one.value)}", Marks(value=one.value, low=one.low, high=one.high), of),
        ]
        for name, one in shown
    ]
    yield table("Raw columns", ["Column", "Adds", "Interval"], rows, (1,))
    if found.dependence:
        charts = [figure(_curve(curve)) for curve in found.dependence]
        yield folded("The mean prediction when all rows have one value", element("div", *charts, class_="figures"))


def _curve(curve: Curve) -> Element:
    (_, xs, ys), told = curve.series[0], "Every other column stays as it is in each row."
    series = [(curve.x_label, xs, ys)]
    return line_chart(curve.x_label, told, series, (curve.x_label, curve.y_label), points=True)


def _reasons(found: Reasons | None) -> Iterator[Element]:
    if found is None:
        return
    yield element("h3", f"Reasons of “{found.adverse}”")
    value, ends = value_and_range(found.fidelity)
    yield note(
        f"{plural(found.n_rows, 'decision')} of the sample. Of {plural(found.n_moved, 'reason')} that were tried "
        f"a share of {value} {ends} moves the score as it says when the value is replaced by those of other rows."
    )
    rows: list[list[Child]] = [
        [
            stacked(one.column, one.code if one.code != one.column else ""),
            count(one.n_rows),
            count(one.n_first),
            badge("unsure", "!", one.flag) if one.flag else "",
        ]
        for one in found.named
    ]
    yield table("How often a column is a reason", ["Reason", "Named", "Named first", "Look at"], rows, (1, 2))
    examples: list[list[Child]] = [
        [f"{i}", stacked(" · ".join(one.code for one in each), *(f"{one.column}: {one.value}" for one in each))]
        for i, each in enumerate(found.examples, start=1)
    ]
    if examples:
        yield folded("What some people would be told", table("Examples", ["Decision", "Reasons"], examples))


def _changes(found: Changes | None) -> Iterator[Element]:
    if found is None:
        return
    value, ends = value_and_range(found.found)
    yield element("h3", "What would change the decision")
    by_column = ", ".join(f"{name} ({n})" for name, n in found.by_column) or "nothing"
    yield note(
        f"For a share of {value} {ends} of {plural(found.n_rows, 'decision')} a change of what the spec calls mutable, "
        f"in the way it allows, gives another one. Part of it: {by_column}."
    )
    rows: list[list[Child]] = [
        [f"{i}", stacked("", *(f"{one.column}: {one.value} → {one.other}" for one in each))]
        for i, each in enumerate(found.examples, start=1)
    ]
    if rows:
        yield folded("For some people", table("Examples", ["Decision", "Change"], rows))


def _stability(found: Stability | None) -> Iterator[Element]:
    if found is None:
        return
    value, ends = value_and_range(found.agreement[0][3])
    yield element("h3", "Whether another seed gives the same first reason")
    yield note(
        f"{plural(found.n_models, 'model')} of other seeds, each beside this one: the first reason is the same for a "
        f"share of {value} {ends} of {count(found.n_rows)} rows."
    )
    rows: list[list[Child]] = [
        [who(sensitive, group), count(n), stacked(*value_and_range(interval))]
        for sensitive, group, n, interval in found.agreement
    ]
    yield folded("Per group", table("Same first reason", ["Group", "Rows", "Share"], rows[1:], (1, 2)))


def _flips(found: Flips | None) -> Iterator[Element]:
    if found is None:
        return
    yield element("h3", "Another value of a sensitive column, all else the same")
    if not found.seen:
        yield note("The model sees no sensitive column, so nothing can change; what stands in for one still can act.")
        return
    moved = "; ".join(f"{name} = {value}: {number(shift.value)}" for name, value, shift in found.shifts)
    yield note(f"Mean change of the score with all rows at one value: {moved}.")
    rows: list[list[Child]] = [
        [who(one.sensitive, one.group), one.what, count(one.n), stacked(*value_and_range(one.interval))]
        for one in found.shares
    ]
    yield table("Predictions that change", ["Group", "What", "Rows", "Share"], rows, (2, 3))


def _membership(found: Membership | None) -> Iterator[Element]:
    if found is None:
        return
    value, ends = value_and_range(found.tpr)
    yield element("h3", "Who was in the training rows")
    yield note(
        f"An attacker with {found.n_shadows} shadow models recognises a share of {value} {ends} of "
        f"{count(found.n_members)} training rows where {percent(found.fpr)} of {count(found.n_others)} others are "
        f"taken for such; by guessing it would be {number(found.fpr)}. AUC {number(found.auc)}. An attack that fails "
        "proves nothing; only the accountant of a private training does."
    )

"""What else there is to know about people: whose probabilities can be believed, who was found, who hangs on a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.artifacts import Coverage, Evidence, Findings, Multiplicity, Reliability, Share, Slices
from assay.reporting._charts import line_chart
from assay.reporting._format import count, number, percent, plural, short, value_and_range
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import badge, figure, folded, note, section, stacked, table

MOST_CURVES = 3  # in one chart: more are a tangle
MOST_ROWS = 8  # of a table that is open
LEAST = 20  # rows of a bin: fewer say more about luck than about the model


def people(evidence: Evidence | None) -> Element | None:
    """The section, where there is anything to show."""
    if evidence is None:
        return None
    parts = [
        *_reliability(evidence.findings),
        *_slices(evidence.slices),
        *_multiplicity(evidence.multiplicity),
        *_coverage(evidence.coverage),
    ]
    if not parts:
        return None
    lead = "Whose probabilities can be believed, groups that nobody listed, and whose prediction hangs on chance."
    return section("people", "People", lead, *parts)


def _reliability(findings: Findings | None) -> Iterator[Element]:
    """One chart per sensitive feature, of its largest groups."""
    curves = findings.reliability if findings is not None else ()
    if not curves:
        return
    yield element("h3", "Reliability per group")
    charts = []
    for sensitive in dict.fromkeys(curve.sensitive for curve in curves):
        own = sorted((c for c in curves if c.sensitive == sensitive), key=lambda curve: -sum(curve.n_rows))
        more = f" The {MOST_CURVES} largest of {len(own)} groups." if len(own) > MOST_CURVES else ""
        charts.append(
            figure(
                line_chart(
                    f"Reliability by {sensitive}",
                    f"On the dotted line, what is predicted is what happens. Bins of {LEAST} rows or more.{more}",
                    [_points(curve) for curve in own[:MOST_CURVES]],
                    ("Predicted probability", "Observed share"),
                    unit=True,
                    points=True,
                    reference=(0.0, 0.0, 1.0, 1.0),
                )
            )
        )
    yield element("div", *charts, class_="figures")


def _points(curve: Reliability) -> tuple[str, list[float], list[float]]:
    kept = [i for i, n in enumerate(curve.n_rows) if n >= LEAST]
    return short(curve.group, 20), [curve.foretold[i] for i in kept], [curve.happened[i] for i in kept]


def _slices(slices: Slices | None) -> Iterator[Element]:
    if slices is None:
        return
    yield element("h3", "Groups that nobody listed")
    yield note(
        f"{plural(slices.n_explored, 'slice')} tried on one half of {count(slices.n_rows)} rows, "
        f"{count(slices.n_suggested)} suggested; figures are of the other half, which had no part in that."
    )
    if slices.slices:
        rows: list[list[Child]] = [
            [
                stacked(one.described, f"{count(one.n_rows)} rows"),
                badge("bad", "✕", "Confirmed") if one.confirmed else badge("quiet", "–", "Not confirmed"),
                number(one.error),
                number(one.error_of_rest),
                stacked(*value_and_range(one.gap)),
            ]
            for one in slices.slices
        ]
        yield table(f"Slices: {slices.error}", ["Slice", "Other half", "Error", "Of the rest", "Gap"], rows, (2, 3, 4))


def _multiplicity(found: Multiplicity | None) -> Iterator[Element]:
    if found is not None:
        yield element("h3", "Whose prediction hangs on the seed")
        yield note(f"{found.n_models} models that differ in nothing but the seed of their training.")
        yield _shares("Share of rows that these models do not agree on", found.shares)


def _coverage(found: Coverage | None) -> Iterator[Element]:
    if found is None:
        return
    yield element("h3", "Sets of classes")
    yield note(
        f"Sets that should hold the true class in {percent(found.promised)} of all cases. Mean size with one threshold "
        "and with one per group and label: "
        + "; ".join(f"{name} {number(one)} and {number(own)}" for name, one, own in found.sizes)
        + "."
    )
    yield _shares("How often one threshold for everybody keeps the promise", found.marginal)
    yield folded("With a threshold per group and label", _shares("How often that keeps the promise", found.conditional))


def who(sensitive: str, group: str) -> str:
    """A group in words."""
    return "All rows" if sensitive == "(all)" else f"{sensitive}: {group}"


def _shares(caption: str, shares: Sequence[Share]) -> Element:
    rows: list[list[Child]] = [
        [who(one.sensitive, one.group), one.what, count(one.n), stacked(*value_and_range(one.interval))]
        for one in shares
    ]
    shown = table(caption, ["Group", "Of", "Rows", "Share"], rows, (2, 3))
    return shown if len(rows) <= MOST_ROWS else folded(f"{caption}: {plural(len(rows), 'group')}", shown)

"""The page of a model version in use: has it moved, since when, and what."""

from __future__ import annotations

from collections.abc import Sequence

from assay.artifacts import Look, Reference, Watched, WatchVerdict, Window, WindowVerdict
from assay.reporting._charts import line_chart
from assay.reporting._format import count, number, numbers, plural, short, values_and_ranges, words
from assay.reporting._markup import Child, Element, element
from assay.reporting._page import whole
from assay.reporting._parts import badge, figure, folded, paragraph, section, stacked, table, verdict_badge

TOPS: dict[WatchVerdict, tuple[str, str, str]] = {
    "QUIET": ("good", "✓", "NOTHING HAS MOVED FOR LONG"),
    "FIRES": ("bad", "✕", "IT HAS MOVED"),
    "UNDECIDED": ("unsure", "?", "UNDECIDED"),
}
BADGES: dict[WindowVerdict, tuple[str, str, str]] = {
    "HOLDS": ("good", "✓", "Holds"),
    "VIOLATES": ("bad", "✕", "Violates"),
    "UNDECIDED": ("unsure", "?", "Undecided"),
}
MOST_WINDOWS, MOST_LINES = 60, 3


def page(watched: Watched, reference: Reference) -> bytes:
    """The whole page as HTML that loads nothing."""
    newest = watched.windows[-1]
    sections = [_windows(watched), _moved(watched), _newest(newest)]
    if any(window.n_labels for window in watched.windows):
        sections.append(_labels(watched, reference))
    sections.append(_reference(reference))
    title = f"{watched.name} version {watched.version} · {TOPS[watched.verdict][2]} · assay watch"
    return whole(title, _top(watched, newest), sections)


def _top(watched: Watched, newest: Window) -> Element:
    tone, sign, word = TOPS[watched.verdict]
    facts = [
        ("Windows", count(len(watched.windows))),
        ("Rows of the newest", count(newest.n_rows)),
        ("Moved in it", count(sum(look.moved for look in newest.looks))),
        ("Labels for it", count(newest.n_labels)),
    ]
    said = [element("div", element("dt", name), element("dd", text, class_="value")) for name, text in facts]
    return element(
        "header",
        paragraph(f"Watch of {short(watched.name)} version {watched.version}", "eyebrow"),
        element("h1", element("span", sign, aria_hidden="true", class_="sign"), word),
        paragraph(f"{watched.reason[:1].upper()}{watched.reason[1:]}.", "reason"),
        element("dl", *said, class_="numbers"),
        class_=tone,
    )


def _windows(watched: Watched) -> Element:
    lead = "Each window of rows, the newest first. The rule looks at those that are marked, which could be decided."
    rows: list[list[Child]] = []
    for window in reversed(watched.windows[-MOST_WINDOWS:]):
        mark = "counts" if window.number in watched.counted else ""
        refused = f"{count(window.n_refused)} refused" if window.n_refused else ""
        rows.append(
            [str(window.number), stacked(short(window.name), mark), stacked(count(window.n_rows), refused),
             badge(*BADGES[window.verdict]), window.reason]
        )  # fmt: skip
    return section(
        "windows", "Windows", lead, table("All windows", ["", "Window", "Rows", "Verdict", "Why"], rows, [2])
    )


def _moved(watched: Watched) -> Element:
    """Effect sizes over the windows, of what has moved most."""
    paths: dict[str, list[tuple[float, float]]] = {}
    for window in watched.windows[-MOST_WINDOWS:]:
        for look in window.looks:
            if look.measure == "PSI":
                paths.setdefault(_called(look), []).append((float(window.number), look.effect))
    ranked = sorted(paths, key=lambda name: (-max(y for _, y in paths[name][-3:]), name))[:MOST_LINES]
    lead = (
        "The population stability index compares shares: 0 is no difference. Of many columns those that differ most "
        "lately are drawn."
    )
    if not ranked:
        return section("moved", "Over time", "Nothing could be compared yet.")
    series = [(name, [x for x, _ in paths[name]], [y for _, y in paths[name]]) for name in ranked]
    chart = line_chart("Differences", "A point is a window.", series, ("Window", "PSI"), points=True)
    said = f"Moved, in the windows that count: {', '.join(watched.moved)}." if watched.moved else "Nothing has moved."
    return section("moved", "Over time", lead, paragraph(said), figure(chart))


def _newest(window: Window) -> Element:
    lead = (
        "What was compared. Something has moved when chance alone would hardly give such a difference, corrected for "
        "all rows of this table together, and its size reaches the bound."
    )
    if not window.looks:
        return section("newest", "The newest window", f"{window.name}: {window.reason}.")
    ordered = sorted(window.looks, key=lambda look: (not look.moved, -look.effect / look.bound, look.name))
    rows = [_row(look) for look in ordered]
    head = ["What", "", "Size and bound", "p", "p, all together"]
    shown = table(f"Window {window.number}: {short(window.name)}", head, rows)
    absent = [paragraph(f"Not in this window: {', '.join(window.absent)}.", "note")] if window.absent else []
    return section("newest", "The newest window", lead, shown, *absent)


def _row(look: Look) -> list[Child]:
    state = badge("bad", "✕", "Moved") if look.moved else badge("quiet", "–", "Not moved")
    effect, bound = numbers(look.effect, look.bound)
    size = stacked(f"{look.measure} {effect}", f"bound {bound}")
    return [
        stacked(short(_called(look)), look.detail),
        state,
        size,
        _p(look.p),
        stacked(_p(look.p_adjusted), look.test),
    ]


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _called(look: Look) -> str:
    if look.about == "together":
        return "all columns together"
    return look.name if look.about == "values" else f"{look.name} ({look.about})"


def _labels(watched: Watched, reference: Reference) -> Element:
    """What labels said that came later, beside what the test fold had said."""
    lead = "Metrics and gates once labels had arrived. The gates are those of the spec, asked again with the same rule."
    window = next(window for window in reversed(watched.windows) if window.n_labels)
    before = {metric.name: metric.interval for metric in reference.metrics if metric.fold == "test"}
    shown = [metric for metric in window.metrics if metric.name in before]
    now = values_and_ranges([metric.interval for metric in shown])
    then = values_and_ranges([before[metric.name] for metric in shown])
    rows: list[list[Child]] = [
        [words(metric.name), stacked(*a), stacked(*b)] for metric, a, b in zip(shown, then, now, strict=True)
    ]
    parts = [
        table(
            f"Window {window.number}, {plural(window.n_labels, 'label')}", ["Metric", "Test fold", "Now"], rows, [1, 2]
        )
    ]
    asked: list[list[Child]] = [
        [stacked(gate.title, gate.reason), verdict_badge(gate.verdict), number(gate.value)] for gate in window.gates
    ]
    if asked:
        parts.append(table("Gates, asked again", ["Gate", "Verdict", "Now"], asked, [2]))
    return section("labels", "Labels that came later", lead, *parts)


def _reference(reference: Reference) -> Element:
    lead = f"What windows are compared with: {count(reference.n_rows)} training rows, in counts."
    rows: list[list[Child]] = []
    for column in reference.columns:
        held = (
            "personal: only what is missing"
            if column.name in reference.personal
            else _held(column.points, column.levels)
        )
        missing = f"{column.n_missing / column.n_rows:.1%}" if column.n_rows else "–"
        rows.append([short(column.name), column.kind, held, missing])
    shown = table("Columns", ["Column", "Kind", "Kept", "Missing"], rows, [3])
    sample = "A sample of them in coarse codes is kept, too." if reference.sample else "No row of them is kept."
    return section("reference", "The reference", lead, paragraph(sample), folded("All columns", shown))


def _held(points: Sequence[float], levels: Sequence[str]) -> str:
    if points:
        return f"rows up to each of {plural(len(points), 'point')}"
    return f"rows of each of {plural(len(levels), 'level')}" if levels else "only what is missing"

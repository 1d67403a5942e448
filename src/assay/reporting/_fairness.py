"""For whom the model works: rates of every group, and the gaps between groups against what the gates tolerate."""

from __future__ import annotations

from assay.artifacts import Decision, Findings, GroupRow, PairGap
from assay.reporting._format import column, count, estimate, number, percent, plural, values_and_ranges, words
from assay.reporting._gaps import Block, blocks, marks, pair
from assay.reporting._intervals import gap_axis, gap_strip
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import badge, folded, note, section, stacked, table


def fairness(findings: Findings | None, decision: Decision) -> Element:
    """The section of the audit."""
    if findings is None:
        return section("fairness", "Fairness", "Not audited: the spec names no sensitive column (audit.sensitive).")
    lead = (
        f"Measured on the {findings.fold} rows. Under each number stands its interval. Groups with “too "
        "few rows” can fail a gate but never pass one."
    )
    problems = [element("p", badge("unsure", "!", "Problem"), f" {problem}") for problem in findings.problems]
    features = dict.fromkeys(row.sensitive for row in findings.groups)
    groups = [_groups(name, [row for row in findings.groups if row.sensitive == name]) for name in features]
    return section("fairness", "Fairness", lead, *problems, *groups, *_gaps(blocks(findings, decision)))


def _groups(sensitive: str, rows: list[GroupRow]) -> Element:
    names = list(dict.fromkeys(metric[0] for row in rows for metric in row.metrics))
    shown = ["Group", "Rows", *map(words, names)]
    columns = [_column(name, rows) for name in names]
    body: list[list[Child]] = [
        [
            stacked(row.group, "" if row.powered else "too few rows"),
            stacked(count(row.n_rows), percent(row.share)),
            *cells,
        ]
        for row, *cells in zip(rows, *columns, strict=True)
    ]
    return table(f"Groups of {sensitive}", shown, body, range(1, len(shown)), class_="groups")


def _column(metric: str, rows: list[GroupRow]) -> list[Child]:
    """One metric of every group."""
    found = {row.group: (n, interval) for row in rows for name, _, n, interval in row.metrics if name == metric}
    texts = dict(zip(found, values_and_ranges([interval for _, interval in found.values()], most=3), strict=True))
    cells: list[Child] = []
    for row in rows:
        if row.group not in found:
            cells.append("–")
            continue
        n = found[row.group][0]
        cells.append(stacked(*texts[row.group], f"of {count(n)}" if n != row.n_rows else ""))
    return cells


def _gaps(every: tuple[Block, ...]) -> list[Child]:
    if not every:
        return []
    asked = [block for block in every if block.tolerance is not None]
    others = dict.fromkeys(block.metric for block in every if block.tolerance is None)
    how = note(
        "Thick bar: one-sided 95 % bounds; a pair passes where both lie in the shaded tolerance. Thin bar: bounds "
        "adjusted for all pairs; a pair fails where one lies outside. Dotted: no gap. An arrow: the bar goes on."
    )
    rest = [_unasked(metric, every) for metric in others]
    return [element("h3", "Gaps between groups"), how, *map(_block, asked), *rest]


def _unasked(metric: str, every: tuple[Block, ...]) -> Element:
    tables = [_block(block) for block in every if block.metric == metric and block.tolerance is None]
    return folded(f"{words(metric)}: gaps that no gate asks about ({plural(len(tables), 'table')})", *tables)


def _block(block: Block) -> Element:
    kept = f"The {len(block.gaps)} widest of {count(block.n_gaps)} pairs. " if len(block.gaps) < block.n_gaps else ""
    caption = f"{block.heading}. {_tolerated(block)}{kept}"
    columns: list[Child] = ["Groups", "Gap", "Adjusted", gap_axis(block.domain)]
    texts = column([end for gap in block.gaps for end in _ends(gap)])
    rows = [_gap(gap, block, texts[i : i + 5]) for gap, i in zip(block.gaps, range(0, len(texts), 5), strict=True)]
    return table(caption, columns, rows, (1, 2), class_="gaps")


def _ends(gap: PairGap) -> tuple[float, ...]:
    return gap.gap, gap.low, gap.high, gap.low_adjusted, gap.high_adjusted


def _tolerated(block: Block) -> str:
    if block.tolerance is None:
        return ""
    low, high = block.tolerance.low, block.tolerance.high
    return f"Tolerated: {'any' if low is None else number(low)} to {'any' if high is None else number(high)}. "


def _gap(gap: PairGap, block: Block, texts: list[str]) -> list[Child]:
    told = f"{pair(gap)}: {estimate(gap.gap, gap.low, gap.high)}"
    drawing = gap_strip(told, marks(gap), block.domain, block.allowed, block.equal)
    value, *ends = texts
    n = f"n = {count(gap.n_a)} and {count(gap.n_b)}"
    bounds, adjusted = f"[{ends[0]}, {ends[1]}]", f"[{ends[2]}, {ends[3]}]"
    return [stacked(pair(gap), n if gap.powered else f"{n}: too few"), stacked(value, bounds), adjusted, drawing]

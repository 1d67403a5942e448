"""Intervals as pictures: on a strip for a cell of a table, and one below the other as a forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.reporting._format import short
from assay.reporting._markup import Element, element
from assay.reporting._svg import Domain, Scale, label, line, picture, tick_texts, ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """An interval to be drawn: its estimate, its bounds, wider bounds where there are any, and how it is meant."""

    value: float
    low: float
    high: float
    outer: tuple[float, float] | None = None
    tone: str = "mark"

    @property
    def ends(self) -> tuple[float, ...]:
        """All numbers that the picture should hold."""
        return (self.value, self.low, self.high, *(self.outer or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Named intervals on one axis: the tolerance where one is set, and where equal groups would lie."""

    heading: str
    rows: Sequence[tuple[str, Marks]]
    of: Domain
    allowed: Domain | None
    equal: float


def strip(told: str, marks: Marks, of: Domain, bound: float | None = None) -> Element:
    """One interval and the bound that it is held against, for a cell of a table."""
    x = Scale(of, 8, 192)
    line_of_bound = [] if bound is None else [line(x(bound), 2, x(bound), 26, "bound")]
    return picture("Interval", told, 200, 28, line(8, 14, 192, 14, "grid"), *line_of_bound, *interval(marks, x, 14))


def gap_strip(told: str, marks: Marks, of: Domain, allowed: Domain | None, equal: float) -> Element:
    """One gap between two groups: its bounds, the place where both are equal, and the tolerance where one is set."""
    x = Scale(of, 10, 250)
    return picture("Gap", told, 260, 28, *_ground(x, 0, 28, allowed, equal), *interval(marks, x, 14))


def gap_axis(of: Domain) -> Element:
    """The axis that belongs above a column of gap strips."""
    x, at = Scale(of, 10, 250), ticks(of, 5)
    texts = [label(x(v), 12, text, "middle") for v, text in zip(at, tick_texts(at), strict=True)]
    return picture("Axis", "The scale of the gaps below", 260, 16, *texts)


def forest(title: str, told: str, plots: Sequence[Plot]) -> Element:
    """Plots of intervals, one below the other, each with its own heading, axis and tolerance."""
    parts, top = [], 8.0
    for plot in plots:
        x, at, bottom = Scale(plot.of, 300, 660), ticks(plot.of, 6), top + 44 + 24 * len(plot.rows)
        parts.append(label(12, top + 14, short(plot.heading, 90), None, "strong"))
        parts += [label(x(v), top + 34, text, "middle") for v, text in zip(at, tick_texts(at), strict=True)]
        parts += _ground(x, top + 40, bottom, plot.allowed, plot.equal)
        for i, (name, marks) in enumerate(plot.rows):
            y = top + 56 + 24 * i
            parts.append(label(288, y + 4, short(name, 44), "end"))
            parts += interval(marks, x, y)
        top = bottom + 20
    return picture(title, told, 680, top, *parts)


def interval(marks: Marks, x: Scale, y: float) -> list[Element]:
    """A thick bar for the bounds, a thin one for the wider bounds, a dot for the estimate; an arrow where it is cut."""
    if any(map(math.isnan, marks.ends)):
        return []
    low, high = marks.outer or (marks.low, marks.high)
    parts = [line(x(low), y, x(high), y, "outer"), line(x(marks.low), y, x(marks.high), y, "inner")]
    if low < x.domain[0]:
        parts.append(element("path", d=f"M{x.start - 6},{y} l7,-5 v10 z", class_="arrow"))
    if high > x.domain[1]:
        parts.append(element("path", d=f"M{x.end + 6},{y} l-7,-5 v10 z", class_="arrow"))
    parts.append(element("circle", cx=x(marks.value), cy=y, r=4, class_="dot"))
    return [element("g", *parts, class_=marks.tone)]


def _ground(x: Scale, top: float, bottom: float, allowed: Domain | None, equal: float) -> list[Element]:
    parts = []
    if allowed is not None:
        left, right = x(allowed[0]), x(allowed[1])
        box = {"x": left, "y": top, "width": round(right - left, 1), "height": bottom - top}
        parts.append(element("rect", **box, class_="allowed"))
        parts += [line(x(end), top, x(end), bottom, "edge") for end in allowed if math.isfinite(end)]
    return [*parts, line(x(equal), top, x(equal), bottom, "reference")]

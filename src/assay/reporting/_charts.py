"""Lines over axes, and counts as shaded cells. Neither needs its colours to be read: lines differ in their dashes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.reporting._format import count, short
from assay.reporting._markup import Element, element
from assay.reporting._svg import Scale, domain, label, line, picture, tick_texts, ticks

MAX_POINTS = 400
MAX_SERIES = 4
Reference = tuple[float, float, float, float]
Series = tuple[str, Sequence[float], Sequence[float]]


def line_chart(
    title: str,
    description: str,
    series: Sequence[Series],
    labels: tuple[str, str],
    *,
    unit: bool = False,
    points: bool = False,
    reference: Reference | None = None,
    mark: tuple[float, str] | None = None,
) -> Element:
    """Lines over numeric axes. `unit`: both axes run from 0 to 1; `mark` is a vertical line with its label."""
    thinned = [(name, *_thin(xs, ys)) for name, xs, ys in series[:MAX_SERIES]]
    all_x, all_y = [v for _, xs, _ in thinned for v in xs], [v for _, _, ys in thinned for v in ys]
    x = Scale((0.0, 1.0) if unit else domain(all_x, 0.0), 50, 404)
    y = Scale((0.0, 1.0) if unit else domain(all_y), 252, 48)
    parts = [*_axes(x, y, labels), *_legend([name for name, _, _ in thinned], 404)]
    if reference is not None:
        parts.append(line(x(reference[0]), y(reference[1]), x(reference[2]), y(reference[3]), "reference"))
    if mark is not None:
        side, anchor = (-5, "end") if x(mark[0]) > 227 else (5, "start")
        parts.append(line(x(mark[0]), y.start, x(mark[0]), y.end, "reference"))
        parts.append(label(x(mark[0]) + side, y.end + 10, mark[1], anchor, "strong"))
    for i, (_, xs, ys) in enumerate(thinned):
        spots = [(x(a), y(b)) for a, b in zip(xs, ys, strict=True)]
        parts.append(element("polyline", points=" ".join(f"{a},{b}" for a, b in spots), class_=f"series s{i}"))
        if points or len(spots) == 1:
            parts += [element("circle", cx=a, cy=b, r=3, class_=f"d{i}") for a, b in spots]
    return picture(title, description, 420, 296, *parts)


def heat_table(title: str, description: str, counts: Sequence[Sequence[int]], names: Sequence[str]) -> Element:
    """Counts as shaded cells, true classes down and predicted ones across; a shade is a share of its row."""
    side, left, top = max(48, min(100, 640 // len(names))), 160, 60
    parts = [label(left, 20, "Predicted class"), label(12, top - 12, "True class")]
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        parts.append(label(left + side * (i + 0.5), top - 12, short(name, side // 8), "middle", "strong"))
        parts.append(label(left - 12, top + side * (i + 0.5) + 4, short(name, 20), "end", "strong"))
        for j, n in enumerate(row):
            box = {"x": left + side * j, "y": top + side * i, "width": side - 3, "height": side - 3, "rx": 4}
            shade = f"{0.06 + 0.4 * n / max(1, sum(row)):.3f}"
            parts.append(element("rect", **box, fill_opacity=shade, class_="cell"))
            parts.append(label(left + side * (j + 0.5) - 1.5, top + side * (i + 0.5) + 4, count(n), "middle", "strong"))
    return picture(title, description, left + side * len(names) + 12, top + side * len(names) + 12, *parts)


def _axes(x: Scale, y: Scale, labels: tuple[str, str]) -> list[Element]:
    at_x, at_y = ticks(x.domain, 6), ticks(y.domain, 5)
    parts = [line(x.start, y(value), x.end, y(value), "grid") for value in at_y]
    parts += [label(x.start - 8, y(v) + 4, text, "end") for v, text in zip(at_y, tick_texts(at_y), strict=True)]
    parts += [label(x(v), y.start + 17, text, "middle") for v, text in zip(at_x, tick_texts(at_x), strict=True)]
    parts.append(line(x.start, y.start, x.end, y.start, "axis"))
    parts.append(label((x.start + x.end) / 2, y.start + 38, labels[0], "middle"))
    return [*parts, label(2, 34, labels[1])]


def _legend(names: Sequence[str], right: float) -> list[Element]:
    """A sample of each line with its name, from the right end of the first row."""
    parts: list[Element] = []
    for i, name in reversed(list(enumerate(names))):
        text = short(name, 24)
        parts.append(label(right, 14, text, "end", "strong"))
        sample = right - 6.6 * len(text) - 34
        parts.append(line(sample, 10, sample + 26, 10, f"series s{i}"))
        right = sample - 16
    return parts if len(names) > 1 else []


def _thin(xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], list[float]]:
    """At most MAX_POINTS points that are numbers: every n-th, and the last."""
    spots = [(a, b) for a, b in zip(xs, ys, strict=True) if math.isfinite(a) and math.isfinite(b)]
    stride = -(-len(spots) // MAX_POINTS) or 1
    kept = [*spots[:-1:stride], *spots[-1:]]
    return [a for a, _ in kept], [b for _, b in kept]

"""What every picture is made of: scales, ticks, lines, labels, and a frame that a screen reader can tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from assay.reporting._format import numbers
from assay.reporting._markup import Element, element, to_xml

Domain = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of `domain` onto the pixels from `start` to `end`."""

    domain: Domain
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of `value`; what lies outside the domain is drawn at its edge."""
        low, high = self.domain
        share = (min(max(value, low), high) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)


def domain(values: Iterable[float], pad_frac: float = 0.06) -> Domain:
    """A range that holds all finite `values` with a little air, and is never empty."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    pad = (high - low) * pad_frac if high > low else abs(high) / 10 or 0.5
    return low - pad, high + pad


def ticks(of: Domain, n: int) -> list[float]:
    """At most `n` + 1 round numbers inside a domain: steps of 1, 2 or 5 times a power of ten."""
    span = of[1] - of[0]
    power = 10.0 ** math.floor(math.log10(span / n))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if math.floor(span / step + 1e-9) <= n)
    return [i * step for i in range(math.ceil(of[0] / step - 1e-9), math.floor(of[1] / step + 1e-9) + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """The labels of ticks, with no decimals that all of them could do without."""
    texts = numbers(*values)
    while texts and all("." in text and text[-1] in "0." for text in texts):
        texts = [text[:-1] for text in texts]
    return texts


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Element:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def label(x: float, y: float, text: str, anchor: str | None = None, class_: str | None = None) -> Element:
    """A line of text that starts at `x`, or has its `middle` or `end` there."""
    return element("text", text, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=class_)


def picture(title: str, description: str, width: float, height: float, *children: Element) -> Element:
    """An svg element with a title, and in a sentence what there is to see."""
    frame = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    told = element("title", title), element("desc", description)
    return element("svg", *told, *children, **frame, role="img", aria_label=f"{title}. {description}")


def standalone(svg: Element) -> bytes:
    """The picture as a file of its own: with its style and a ground to stand on."""
    backdrop = element("rect", width="100%", height="100%", class_="backdrop")
    frame = svg.attrib | {"xmlns": "http://www.w3.org/2000/svg", "class": "alone"}
    root = Element("svg", frame)
    root.extend([element("style", picture_css()), backdrop, *svg])
    return to_xml(root).encode()


@cache
def picture_css() -> str:
    """The style that pictures need."""
    return files("assay.reporting").joinpath("picture.css").read_text()

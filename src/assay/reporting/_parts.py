"""The pieces that sections are put together from: tables, badges, notes, and what is folded away until asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.artifacts import Verdict
from assay.reporting._format import count
from assay.reporting._markup import Child, Element, element

MAX_ROWS = 200
_BADGES: dict[Verdict, tuple[str, str, str]] = {
    "PASS": ("good", "✓", "Pass"),
    "FAIL": ("bad", "✕", "Fail"),
    "INCONCLUSIVE": ("unsure", "?", "Inconclusive"),
    "NOT_APPLICABLE": ("quiet", "–", "Not applicable"),
    "ERROR": ("bad", "!", "Error"),
}


def section(anchor: str, heading: str, lead: str, *children: Child) -> Element:
    """A part of the page with its heading, and a sentence that says how to read it."""
    return element("section", element("h2", heading), paragraph(lead, "lead"), *children, id=anchor)


def table(
    caption: str,
    head: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    right: Iterable[int] = (),
    class_: str | None = None,
) -> Element:
    """A table whose first column names its rows; columns `right` are numbers.

    Where the page is narrow each row becomes a list of names and values; a table that is wide all the same scrolls.
    """
    aligned = set(right)
    names = [cell if isinstance(cell, str) else None for cell in head]
    body = [element("tr", *(_cell(i, cell, aligned, names[i]) for i, cell in enumerate(row))) for row in rows]
    shown, n_more = body[:MAX_ROWS], len(body) - MAX_ROWS
    columns = [element("th", cell, scope="col", class_=_align(i, aligned)) for i, cell in enumerate(head)]
    parts = element("caption", caption), element("thead", element("tr", *columns)), element("tbody", *shown)
    whole = element("table", *parts, class_=class_)
    box = element("div", whole, class_="scroll", role="region", tabindex=0, aria_label=caption)
    return box if n_more <= 0 else element("div", box, note(f"{count(n_more)} more rows are not shown."))


def facts(caption: str, pairs: Iterable[tuple[str, Child]]) -> Element:
    """Names with their values, as a table of two columns."""
    rows = [element("tr", element("th", name, scope="row"), element("td", value)) for name, value in pairs]
    return element("table", element("caption", caption), element("tbody", *rows), class_="facts")


def folded(summary: str, *children: Child) -> Element:
    """Something to dig into: closed on the screen, open on paper."""
    return element("details", element("summary", summary), *children)


def verdict_badge(verdict: Verdict) -> Element:
    """The verdict of a gate: a sign, a word and a colour."""
    return badge(*_BADGES[verdict])


def tone(verdict: Verdict) -> str:
    """The class of the colour that goes with a verdict."""
    return _BADGES[verdict][0]


def badge(tone: str, sign: str, word: str) -> Element:
    """A short state in a frame. The sign and the word say the same as the colour."""
    return element("span", element("span", sign, aria_hidden="true"), f" {word}", class_=f"badge {tone}")


def paragraph(text: str, class_: str | None = None) -> Element:
    """A paragraph. What stands between `backticks` is set as code."""
    return element("p", *_with_code(text), class_=class_)


def note(text: str) -> Element:
    """A remark in small print."""
    return paragraph(text, "note")


def stacked(main: Child, *below: str) -> Element:
    """A cell of a table with small print under it."""
    lines = [element("div", *_with_code(text), class_="small") for text in below if text]
    return element("div", element("div", main), *lines)


def code(text: str) -> Element:
    """Something that a machine wrote: a digest, options, a spec."""
    return element("code", text)


def away(text: str, address: str) -> Element:
    """A link to another page, in a tab of its own."""
    return element("a", text, href=address, target="_blank", rel="noopener noreferrer", class_="away")


def figure(picture: Element) -> Element:
    """A picture under its title and what it says."""
    title = element("strong", picture.findtext("title"))
    return element("figure", element("figcaption", title, picture.findtext("desc")), picture)


def _with_code(text: str) -> list[Child]:
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick without its partner is only a character
        return [text]
    return [code(piece) if i % 2 else piece for i, piece in enumerate(pieces)]


def _cell(i: int, cell: Child, right: set[int], name: str | None) -> Element:
    if i == 0:
        return element("th", cell, scope="row", class_=_align(i, right))
    return element("td", cell, class_=_align(i, right), data_name=name)


def _align(i: int, right: set[int]) -> str | None:
    return "number" if i in right else None

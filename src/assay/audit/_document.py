"""A document as blocks, written as Markdown and as HTML.

A block is a heading, a paragraph or a table. Every row of figures names the file of the bundle that it comes from; a
field that people have not filled in is shown as a gap and never made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.reporting._markup import Element, element, to_html

GAP = "Not filled in"
CSS = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2024;background:#fff}
table{border-collapse:collapse;margin:1rem 0;font-size:.92em}th,td{border-bottom:1px solid #d8dce0;padding:.3rem .7rem;
text-align:left;vertical-align:top}h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2rem}
.gap{background:#fff3cd;border-left:4px solid #d39e00;padding:.3rem .7rem}
@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#15181b}th,td{border-color:#3a4046}
.gap{background:#3d3313;border-color:#d39e00}}
"""


@dataclass
class Document:
    """A document that is being written. `gaps` are the names of the fields that nobody has filled in."""

    title: str
    said: dict[str, str]
    blocks: list[tuple[str, str, Sequence[Sequence[str]]]] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    def section(self, heading: str) -> None:
        """Begin a section."""
        self.blocks.append(("heading", heading, ()))

    def text(self, words: str) -> None:
        """Add a paragraph."""
        self.blocks.append(("text", words, ()))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table, where it has rows."""
        if rows:
            self.blocks.append(("table", "", [head, *rows]))

    def asked(self, *names: str) -> None:
        """Add what people say under these fields of `audit.documents`, or the gap that they have left."""
        for name in names:
            words = self.said.get(name, "").strip()
            if words:
                self.text(f"{label(name)}: {words}")
            else:
                self.gaps.append(name)
                self.blocks.append(("gap", f"{label(name)}: {GAP} (audit.documents.{name}).", ()))

    def as_markdown(self) -> str:
        """The document as Markdown."""
        lines = [f"# {self.title}", ""]
        for kind, words, rows in self.blocks:
            if kind == "heading":
                lines += [f"## {words}", ""]
            elif kind == "table":
                written = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
                lines += [written[0], "|" + "---|" * len(rows[0]), *written[1:], ""]
            else:
                lines += [f"> **{_cell(words)}**" if kind == "gap" else _cell(words), ""]
        return "\n".join(lines)

    def as_html(self) -> str:
        """The document as one HTML file that loads nothing."""
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", self.title),
            element("style", CSS),
        )
        body = element("body", element("h1", self.title), *map(_block, self.blocks))
        return "<!doctype html>\n" + to_html(element("html", head, body, lang="en"))


def label(name: str) -> str:
    """`intended_use` as people write it."""
    return name.replace("_", " ").capitalize()


def _block(block: tuple[str, str, Sequence[Sequence[str]]]) -> Element:
    kind, words, rows = block
    if kind == "heading":
        return element("h2", words)
    if kind == "table":
        head = element("tr", *(element("th", cell) for cell in rows[0]))
        body = [element("tr", *(element("td", cell) for cell in row)) for row in rows[1:]]
        return element("table", element("thead", head), element("tbody", *body))
    return element("p", words, class_="gap" if kind == "gap" else None)


def _cell(text: str) -> str:
    """Text that no Markdown reader takes for a table, for HTML or for emphasis."""
    for mark in "\\|<>*_`[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())

"""How the tests read a page: as a tree, strictly, with its tables as lists of rows of text."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree import ElementTree

VOID = {"meta", "br", "hr", "img", "input", "link"}


class _Parser(HTMLParser):
    """HTML into a tree. An end tag that does not close the element that is open is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.builder = ElementTree.TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self.builder.end(tag)
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.builder.data(data)


def tree(html: str) -> ElementTree.Element:
    """The page's html element."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert not parser.open
    return parser.builder.close()


def text(node: ElementTree.Element) -> str:
    """What a reader sees of an element, pictures and styles left out."""
    if node.tag in ("svg", "style", "script"):
        return ""
    inside = "".join(text(child) + (child.tail or "") for child in node)
    return f"{node.text or ''}{inside} " if node.tag not in ("span", "code") else f"{node.text or ''}{inside}"


def tables(page: ElementTree.Element) -> dict[str, list[list[str]]]:
    """All tables by the beginning of their caption: rows of cells of text, the head first."""
    return {
        " ".join(text(table.find("caption")).split()): [  # type: ignore[arg-type]
            [" ".join(text(cell).split()) for cell in row] for row in table.iter("tr")
        ]
        for table in page.iter("table")
    }

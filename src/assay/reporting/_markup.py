"""Trees of HTML and SVG elements.

Text enters a tree as text and is escaped when the tree is written, so no string from data or spec can become markup.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

Element = ElementTree.Element
Child = str | Element | None

# What XML has no way to write: control characters, lone surrogates and the two non-characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def element(tag: str, *children: Child, **attributes: object) -> Element:
    """`<tag attributes>children</tag>`. A child that is None is left out, as is an attribute.

    `class_` means `class` and other underscores mean hyphens, because Python's words are not HTML's.
    """
    written = {
        name.rstrip("_").replace("_", "-"): clean(str(value)) for name, value in attributes.items() if value is not None
    }
    node = Element(tag, written)
    for child in children:
        _append(node, child)
    return node


def clean(text: str) -> str:
    """`text` with every character that no XML document may hold made visible as a replacement character."""
    return _UNWRITABLE.sub("\ufffd", text)


def to_html(node: Element) -> str:
    """The element as HTML text."""
    return ElementTree.tostring(node, encoding="unicode", method="html")


def to_xml(node: Element) -> str:
    """The element as XML text."""
    return ElementTree.tostring(node, encoding="unicode", method="xml")


def _append(node: Element, child: Child) -> None:
    if isinstance(child, str):
        if len(node):
            node[-1].tail = (node[-1].tail or "") + clean(child)
        else:
            node.text = (node.text or "") + clean(child)
    elif child is not None:
        node.append(child)

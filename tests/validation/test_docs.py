from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from assay.artifacts import Snapshot, ValidationReport, to_json
from assay.spec.data import ValidationSpec
from assay.store import Store
from assay.validation import validate

from .conftest import Check, page


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("href", "src", "action", "srcset")]


def test_the_page_is_one_file_that_asks_nothing_of_the_network(ask: Check, store: Store) -> None:
    table = pa.table({"<b>x</b>": pa.array(["</script><img src=//evil>", "a"]).dictionary_encode()})
    report = ask(table, {"type": "in_set", "column": "<b>x</b>", "values": ["a"]})
    assert report.docs is not None
    assert report.docs.name == "data-docs.html"
    text = page(store, report)
    found = Page(text)
    assert found.addresses == []
    assert {"img", "b"}.isdisjoint(found.tags)
    assert found.tags.count("script") == 1
    assert not re.search(r"https?://|url\(|@import", text)
    (data,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', text, re.S)
    assert json.loads(data) == json.loads(to_json(ValidationReport(passed=report.passed, results=report.results)))


def test_the_page_says_what_failed_first(ask: Check, store: Store) -> None:
    table = pa.table({"x": [1, 2]})
    report = ask(
        table,
        {"type": "between", "column": "x", "min": 0},
        {"type": "between", "column": "x", "min": 2},
        {"type": "unique", "column": "x"},
    )
    text = page(store, report)
    assert "1 of 3 expectations do not hold" in text
    assert text.index(">FAIL<") < text.index(">PASS<")


def test_without_expectations_nothing_is_started_and_there_is_no_page(
    snapshot: Callable[[pa.Table], Snapshot], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.validation import _child

    monkeypatch.setattr(_child, "_COMMAND", ("false",))
    report = validate(snapshot(pa.table({"x": [1]})), ValidationSpec(), (), store=store)
    assert report == ValidationReport(passed=True, results=(), docs=None)

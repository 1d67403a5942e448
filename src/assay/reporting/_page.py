"""The page: its head, its contents, its sections in the order in which a reviewer asks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from assay.artifacts import (
    Calibration,
    Decision,
    Evaluation,
    Evidence,
    Findings,
    Folds,
    LeakReport,
    Model,
    Profile,
    Snapshot,
    Unmitigated,
    ValidationReport,
)
from assay.reporting import Pages
from assay.reporting._data import data
from assay.reporting._fairness import fairness
from assay.reporting._gates import gates, undecided
from assay.reporting._head import OUTCOMES, head
from assay.reporting._lineage import lineage
from assay.reporting._markup import Element, element, to_html
from assay.reporting._mitigation import mitigation
from assay.reporting._people import people
from assay.reporting._performance import diagnosis, performance
from assay.reporting._svg import picture_css
from assay.reporting._why import why


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that the page is about."""

    name: str
    evaluation: Evaluation
    findings: Findings | None
    decision: Decision
    model: Model
    calibration: Calibration
    validation: ValidationReport
    folds: Folds
    profile: Profile
    leaks: LeakReport
    snapshot: Snapshot
    lineage: tuple[tuple[str, str], ...]
    spec_text: str
    pages: Pages
    evidence: Evidence | None = None
    unmitigated: Unmitigated | None = None


def page(of: Subject, pictures: Mapping[str, Element]) -> bytes:
    """The whole page as HTML that loads nothing and runs nothing but `_FOLLOW`; its policy forbids both to browsers."""
    every = [
        gates(of.decision, of.evaluation),
        undecided(of.decision),
        fairness(of.findings, of.decision),
        mitigation(of.evaluation, of.findings, of.unmitigated),
        people(of.evidence),
        why(of.evidence),
        performance(of.evaluation, of.model, of.calibration, pictures),
        diagnosis(of.evaluation, of.leaks),
        data(of.snapshot, of.folds, of.validation, of.profile),
        lineage(of.snapshot, of.model, of.decision, of.lineage, of.spec_text, of.pages),
    ]
    sections = [one for one in every if one is not None]
    top = head(of.name, of.decision, of.evaluation, of.model, of.folds)
    return whole(f"{of.name} · {OUTCOMES[of.decision.outcome].word} · assay review", top, sections)


def whole(title: str, top: Element, sections: list[Element]) -> bytes:
    """A page in the one style of all pages: its top, its contents, its sections."""
    body = element("body", top, _contents(sections), element("main", *sections))
    return ("<!doctype html>\n" + to_html(element("html", _meta(title), body, lang="en"))).encode()


# The sandboxed frame of MLflow's artifact view (`allow-scripts`, and nothing else) follows no link, not even one to
# the page itself. So this scrolls there; and the page shows how to go where nothing in the frame can lead.
_FOLLOW = """
if (window.top !== window) document.documentElement.className = "framed";
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || !link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  document.getElementById(link.hash.slice(1)).scrollIntoView();
});
"""


def _meta(title: str) -> Element:
    follow = b64encode(sha256(_FOLLOW.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{follow}'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", picture_css() + _page_css()),
        element("script", _FOLLOW),
    )


def _contents(sections: list[Element]) -> Element:
    links = [element("a", section[0].text, href=f"#{section.attrib['id']}") for section in sections]
    return element("nav", *links, aria_label="Contents")


@cache
def _page_css() -> str:
    return files("assay.reporting").joinpath("page.css").read_text()

"""The review page: everything that a person needs to trust or doubt a model, in one file.

Why this shape: a reviewer opens the page years later, perhaps from a mail, perhaps inside MLflow's artifact view. So it
is one HTML file that loads nothing, is read without scripts, and holds every number that the decision was made on. It
is built from hand-offs alone, never from a model or a row, so that whoever holds the numbers can make the same page
again, byte for byte. Page and pictures are trees of `xml.etree` elements: text enters a tree as text, so what a column
is called can never become markup, and pictures are well-formed by construction. (A template engine costs 30 ms to
import before it has read a template, and a plotting library a second; the whole report takes about 50 ms.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    Reference,
    Report,
    Search,
    Snapshot,
    Unmitigated,
    ValidationReport,
    Watched,
    to_json,
)

if TYPE_CHECKING:
    from assay.spec.tuning import TuneSpec
    from assay.store import Store

__all__ = ["Pages", "report", "search_report", "watch_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where MLflow shows what the review is about: its run and the registered model. Empty where no server shows it.

    The version is not among them: the review is written before the model is registered, so that nothing is promoted
    that cannot be reviewed. It is found on the model's page by the model's digest.
    """

    run_id: str = ""
    run: str = ""
    model_name: str = ""
    model: str = ""

    def handoff(self, name: str) -> str:
        """The page of the hand-off called `name` among the run's artifacts."""
        page, _, view = self.run.partition("?")
        return f"{page}/artifacts/handoffs/{name}.json?{view}" if page else ""

    def version(self, number: int) -> str:
        """The page of a version of the model."""
        return f"{self.model}/versions/{number}" if self.model else ""


def report(
    name: str,
    evaluation: Evaluation,
    findings: Findings | None,
    decision: Decision,
    model: Model,
    calibration: Calibration,
    validation: ValidationReport,
    folds: Folds,
    profile: Profile,
    leaks: LeakReport,
    snapshot: Snapshot,
    lineage: tuple[tuple[str, str], ...],
    spec_text: str,
    evidence: Evidence | None = None,
    unmitigated: Unmitigated | None = None,
    *,
    pages: Pages = Pages(),
    store: Store,
) -> Report:
    """The review page of one run, each of its pictures as an SVG file, and the numbers behind them as JSON.

    `lineage` names the hand-offs of the run with their digests; `spec_text` is the spec as it was written; `evidence`
    is all that the gates saw; `unmitigated` is the same spec without its mitigation; `pages` is where to read on. The
    files are `review.html`, `evaluation.json`, `decision.json`, `findings.json` (when there was an audit),
    `mitigation.json` (before and after, where there is a mitigation) and one picture each of `learning-curve`,
    `confusion`, `gaps` and every curve of the evaluation, where there is something to draw.
    """
    from assay.reporting._mitigation import before_and_after
    from assay.reporting._page import Subject, page
    from assay.reporting._pictures import pictures
    from assay.reporting._svg import standalone

    subject = Subject(
        name=name,
        evaluation=evaluation,
        findings=findings,
        decision=decision,
        model=model,
        calibration=calibration,
        validation=validation,
        folds=folds,
        profile=profile,
        leaks=leaks,
        snapshot=snapshot,
        lineage=lineage,
        spec_text=spec_text,
        evidence=evidence,
        unmitigated=unmitigated,
        pages=pages,
    )
    numbers = {"evaluation.json": evaluation, "decision.json": decision, "findings.json": findings}
    numbers["mitigation.json"] = before_and_after(evaluation, findings, unmitigated)
    files = [store.put(to_json(value).encode(), file) for file, value in numbers.items() if value is not None]
    drawn = pictures(evaluation, findings, decision, model)
    files += [store.put(standalone(svg), f"{picture}.svg") for picture, svg in drawn.items()]
    return Report(review=store.put(page(subject, drawn), "review.html"), files=tuple(files))


def search_report(name: str, search: Search, tune: TuneSpec, evaluation: Evaluation, *, store: Store) -> Report:
    """The page of a search, and each of its pictures as an SVG file.

    It says what was best, how many configurations were looked at, how much better the winner looks on the valid rows
    that it was chosen on than on test rows, and what the search cost.
    """
    from assay.reporting._search import page, pictures
    from assay.reporting._svg import standalone

    drawn = pictures(search)
    files = tuple(store.put(standalone(svg), f"{picture}.svg") for picture, svg in drawn.items())
    return Report(review=store.put(page(name, search, tune, evaluation, drawn), "search.html"), files=files)


def watch_report(watched: Watched, reference: Reference, *, store: Store) -> Report:
    """The page of a model version in use: what the rule says, the windows one by one, and what has moved in them."""
    from assay.reporting._watch import page

    return Report(review=store.put(page(watched, reference), "watch.html"))

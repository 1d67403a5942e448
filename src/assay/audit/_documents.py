"""Model card, datasheet, tables of Local Law 144 and a draft of Annex IV, from measured artifacts and nothing else.

Model cards: Mitchell et al. 2019. Datasheets: Gebru et al. 2021. Annex IV: Regulation (EU) 2024/1689.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.artifacts import (
    Decision,
    Documents,
    Evaluation,
    Findings,
    Folds,
    GroupRow,
    Interval,
    Model,
    Profile,
    Snapshot,
    ValidationReport,
)
from assay.audit._document import Document
from assay.audit._export import LEAST
from assay.reporting._format import without_secrets
from assay.spec.waivers import ProfileSpec
from assay.store import Store

LL144_SHARE = 0.02  # 6 RCNY 5-301: a category below it may be left out of the ratios
NOT_AUDITOR = "Drafted from measured artifacts. It is not an independent audit and no legal advice."


@dataclass(frozen=True, kw_only=True)
class Subject:
    """All that the documents are about."""

    name: str
    snapshot: Snapshot
    folds: Folds
    profile: Profile
    validation: ValidationReport
    model: Model
    evaluation: Evaluation
    findings: Findings | None
    decision: Decision
    said: dict[str, str]
    profiles: tuple[ProfileSpec, ...]


def documents(of: Subject, store: Store) -> Documents:
    """See `assay.audit.documents`."""
    written = {"model-card": _model_card(of), "datasheet": _datasheet(of), "annex-iv": _annex_iv(of)}
    if any(name == "selection_rate" for row in _groups(of) for name, *_ in row.metrics):
        written["ll144"] = _ll144(of)
    files = [store.put(document.as_markdown().encode(), f"{name}.md") for name, document in written.items()]
    files.append(store.put(written["model-card"].as_html().encode(), "model-card.html"))
    gaps = [gap for document in written.values() for gap in document.gaps]
    return Documents(files=tuple(files), gaps=tuple(dict.fromkeys(gaps)))


def _model_card(of: Subject) -> Document:
    card = Document(f"Model card: {of.name}", of.said)
    card.text(NOT_AUDITOR)
    card.section("Model details")
    card.table(["what", "value", "from"], [*_details(of)])
    card.asked("owner", "contact", "licence")
    card.section("Intended use")
    card.asked("intended_use", "out_of_scope_use")
    card.section("Factors")
    sensitive = ", ".join(dict.fromkeys(row.sensitive for row in _groups(of)))
    card.text(f"Evaluated by: {sensitive}." if sensitive else "Not evaluated by any group: the spec names none.")
    card.section("Metrics")
    card.text(
        "Each with its interval. PASS needs the whole interval inside the bound, FAIL the whole interval outside."
    )
    card.table(["metric", "value", "interval", "from"], [*_metrics(of)])
    card.section("Evaluation data")
    card.text(f"{of.evaluation.n_rows:,} rows, {of.folds.how} (handoffs/folds.json).")
    card.section("Training data")
    card.text(f"{of.folds.train.n_rows:,} rows of {of.snapshot.n_rows:,}; see the datasheet.")
    card.section("Quantitative analyses")
    card.table(["group", "rows", "metric", "value", "interval", "from"], [*_rates(of)])
    card.table(["gate", "verdict", "reason", "from"], [*_verdicts(of)])
    card.section("Ethical considerations")
    card.asked("affected_people", "ethical_considerations")
    card.section("Caveats and recommendations")
    for diagnosis in of.evaluation.diagnoses:
        card.text(f"{diagnosis.name}: {diagnosis.verdict} {diagnosis.advice} (evidence.json)")
    card.asked("caveats")
    _required(card, of)
    return card


def _datasheet(of: Subject) -> Document:
    sheet = Document(f"Datasheet: the data of {of.name}", of.said)
    sheet.text(NOT_AUDITOR)
    sheet.section("Motivation")
    sheet.asked("data_purpose", "data_funding")
    sheet.section("Composition")
    source = without_secrets(of.snapshot.source.description)
    sheet.text(f"{of.snapshot.n_rows:,} rows of {source}, sha256 {of.snapshot.source.sha256} (handoffs/snapshot.json).")
    rows = [(c.name, c.kind, f"{c.n_null:,}", f"{c.n_unique:,}", "handoffs/profile.json") for c in of.profile.columns]
    sheet.table(["column", "kind", "missing", "different values", "from"], rows)
    held = [
        (r.expectation, r.column, "holds" if r.passed else "does not hold", "handoffs/validation.json")
        for r in of.validation.results
    ]
    sheet.table(["expectation", "column", "result", "from"], held)
    sheet.section("Collection process")
    sheet.asked("data_source", "data_collection", "consent")
    sheet.section("Preprocessing")
    sheet.text(
        f"Split {of.folds.how}; {of.folds.n_dropped:,} rows without a target are left out (handoffs/folds.json)."
    )
    for note in of.model.preprocessing.notes:
        sheet.text(note)
    sheet.section("Uses")
    sheet.asked("intended_use", "out_of_scope_use")
    sheet.section("Distribution and maintenance")
    sheet.asked("data_licence", "data_owner", "retention")
    return sheet


def _annex_iv(of: Subject) -> Document:
    draft = Document(f"Draft of the technical documentation of Annex IV: {of.name}", of.said)
    draft.text(f"{NOT_AUDITOR} Regulation (EU) 2024/1689, Annex IV.")
    draft.section("1. General description")
    draft.table(["what", "value", "from"], [*_details(of)])
    draft.asked("provider", "intended_use", "foreseeable_misuse")
    draft.section("2. Elements and development")
    draft.text(
        f"Data: see the datasheet. Training: {of.model.stopped}; best epoch {of.model.best_epoch} (handoffs/model.json)"
    )
    draft.asked("design_choices", "human_oversight", "cybersecurity")
    draft.section("3. Monitoring, functioning and control")
    draft.table(["metric", "value", "interval", "from"], [*_metrics(of)])
    draft.table(["group", "rows", "metric", "value", "interval", "from"], [*_rates(of)])
    draft.section("4. Appropriateness of the metrics")
    draft.table(["gate", "verdict", "reason", "from"], [*_verdicts(of)])
    draft.asked("metric_rationale")
    draft.section("5. Risk management")
    draft.asked("risk_management")
    draft.section("6. Changes through the lifecycle")
    draft.text("Every decision on this model is kept with its version in the registry.")
    draft.section("7. Standards applied")
    draft.table(
        ["profile", "source", "in force from"], [(p.title, p.source, str(p.effective_from)) for p in of.profiles]
    )
    draft.asked("standards")
    draft.section("8. Declaration of conformity")
    draft.asked("declaration_of_conformity")
    draft.section("9. Post-market monitoring")
    draft.asked("post_market_monitoring")
    return draft


def _ll144(of: Subject) -> Document:
    tables = Document(f"Impact ratios (NYC Local Law 144): {of.name}", of.said)
    tables.text(NOT_AUDITOR)
    tables.text(
        "Impact ratio: the selection rate of a category over that of the most selected category. Categories under 2 % "
        "of the rows have no ratio and are no reference. Unknowns are counted as (missing); nothing is imputed."
    )
    for feature in dict.fromkeys(row.sensitive for row in _groups(of)):
        rows = [row for row in _groups(of) if row.sensitive == feature]
        tables.section(f"By {feature}")
        tables.table(["category", "rows", "selected", "selection rate", "impact ratio", "from"], [*_impact(rows)])
    tables.asked("intended_use", "audit_date_responsible", "distribution_date")
    return tables


def _impact(rows: list[GroupRow]) -> Iterator[tuple[str, ...]]:
    counted = {row.group: next((m for m in row.metrics if m[0] == "selection_rate"), None) for row in rows}
    rates = {row.group: counted[row.group] for row in rows if row.share >= LL144_SHARE}
    best = max((entry[3].value for entry in rates.values() if entry), default=0.0)
    for row in rows:
        entry = counted[row.group]
        if entry is None or min(row.n_rows, entry[1] or LEAST) < LEAST:
            yield row.group, f"under {LEAST}" if row.n_rows < LEAST else f"{row.n_rows:,}", "suppressed", "", "", ""
            continue
        ratio = f"{entry[3].value / best:.3f}" if row.group in rates and best else "under 2 % of the rows"
        yield row.group, f"{row.n_rows:,}", f"{entry[1]:,.0f}", f"{entry[3].value:.3f}", ratio, "findings.json"


def _details(of: Subject) -> Iterator[tuple[str, str, str]]:
    yield "family", of.model.family, "handoffs/model.json"
    yield "parameters", f"{of.model.n_parameters:,}", "handoffs/model.json"
    yield "digest", of.model.sha256, "manifest.json"
    yield "target", of.model.preprocessing.target.column, "handoffs/model.json"
    yield "inputs", ", ".join(column.name for column in of.model.preprocessing.inputs), "handoffs/model.json"
    yield "decision", f"{of.decision.outcome}: {of.decision.reason}", "decision.json"


def _metrics(of: Subject) -> Iterator[tuple[str, ...]]:
    for metric in of.evaluation.metrics:
        if metric.fold == "test":
            yield metric.name, f"{metric.interval.value:.4g}", _ends(metric.interval), "evidence.json"


def _rates(of: Subject) -> Iterator[tuple[str, ...]]:
    for row in _groups(of):
        for name, k, n, interval in row.metrics:
            if min(row.n_rows, n, k or LEAST, n - k or LEAST) >= LEAST:
                who = f"{row.sensitive}: {row.group}"
                yield who, f"{row.n_rows:,}", name, f"{interval.value:.4g}", _ends(interval), "findings.json"


def _verdicts(of: Subject) -> Iterator[tuple[str, ...]]:
    for gate in of.decision.gates:
        verdict = f"{gate.verdict} ({gate.waived})" if gate.waived else gate.verdict
        yield gate.title, verdict, gate.reason, "decision.json"


def _required(card: Document, of: Subject) -> None:
    for profile in of.profiles:
        card.section(f"Asked by: {profile.title}")
        card.text(f"{profile.source}. {profile.note}")
        card.asked(*profile.required_fields)


def _groups(of: Subject) -> tuple[GroupRow, ...]:
    return of.findings.groups if of.findings is not None else ()


def _ends(interval: Interval) -> str:
    return f"{interval.low:.4g} to {interval.high:.4g}"

"""The chain, written once: what happens, in order. The table of contents of assay.

A stage is called through `step`, which decides how (in this process, from the cache, as a task of a flow); arguments by
position are what the stage's result depends on, keyword arguments are its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay import (
    audit,
    data,
    evaluation,
    gates,
    inference,
    preprocessing,
    registry,
    reporting,
    training,
    tuning,
    validation,
)
from assay.artifacts import (
    Bundle,
    Calibration,
    Champion,
    Column,
    Comparison,
    Decision,
    Evaluation,
    Events,
    Evidence,
    Findings,
    Fold,
    Folds,
    LeakReport,
    Model,
    Predictions,
    Registered,
    Report,
    Search,
    Snapshot,
    Source,
    ValidationReport,
    sha256_of,
    to_json,
)
from assay.errors import DataError, RegistryError, TrackingError
from assay.pipeline import _audits, _champion, _fits, _search, _waivers
from assay.pipeline._steps import ByKey, Later, Step
from assay.spec import Spec
from assay.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stages need around them and results do not depend on.

    `look` counts a look of a model at a fold. `server` names the registry: a model that was registered in one is not
    registered in another. `tracking_run` waits for MLflow to answer with the id of this run, `pages` for where it shows
    run and model.
    """

    home: Path
    store: Store
    events: Events
    checkpoints: ByKey
    find_champion: Callable[[Any], tuple[Champion | None, str]]
    look: Callable[[Any, Any], int]
    tracking_run: Callable[[], str]
    pages: Callable[[], reporting.Pages]
    uri: str
    server: str
    searches: ByKey
    trainer: Callable[[Snapshot, Folds], tuning.Trainer]
    table: Any = None

    def of_search(self, snapshot: Snapshot, folds: Folds) -> dict[str, Any]:
        """Those of a search."""
        trainer = Later(lambda: self.trainer(snapshot, folds))
        return {"trainer": trainer, "folder": self.searches, "events": self.events}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Every hand-off of one run, in order."""

    snapshot: Snapshot
    validation: ValidationReport
    folds: Folds
    leaks: LeakReport
    model: Model
    calibration: Calibration
    evaluation: Evaluation
    findings: Findings | None
    judged_on: Fold
    decision: Decision
    evidence: Bundle
    report: Report
    registered: Registered | None
    pending: str
    n_unseen: int
    search: Search | None = None
    search_report: Report | None = None


def chain(spec: Spec, source: Source, step: Step, around: Surroundings) -> Links:
    """Data to decision. Raises ValidationFailed when the data are not what the spec expects of them."""
    store = around.store
    snapshot, columns, checked, folds = read(spec, source, step, around)
    profile = step("profile", data.profile, snapshot, folds, spec.personal, store=store)

    tune = spec.tune
    found = _search.searched(spec, folds, step, **around.of_search(snapshot, folds))
    spec, columns = _search.won(spec, columns, snapshot, found)
    prepared = step(
        "preprocess", preprocessing.fit, folds.train, spec.preprocessing, columns, spec.target, spec.task, store=store
    )
    _fits.gates_can_answer(spec, prepared)
    profiles, asked = _audits.questions(spec)
    _audits.of_data(spec, step, asked, snapshot, folds, prepared, store)
    arrays = step("encode", preprocessing.encode, prepared, folds.train, folds.valid, store=store)
    leaks = step("probe", evaluation.probe, arrays, prepared, folds.duplicates, spec.seed, store=store)

    model = _search.trained(found) or step(
        "train", training.train, arrays, prepared, spec.model, spec.training, spec.compute, spec.seed,
        store=store, events=around.events, folder=around.checkpoints, root=spec.root,
    )  # fmt: skip
    on_valid = step("predict-valid", inference.predict, model, folds.valid, None, store=store, root=spec.root)
    calibration = step("calibrate", evaluation.calibrate, on_valid, spec.evaluation, store=store)
    on_test = step("predict", inference.predict, model, folds.test, calibration, store=store, root=spec.root)

    evaluated = step("evaluate", evaluation.evaluate, on_test, on_valid, model.epochs, spec.evaluation, store=store)
    trained = _audits.Trained(
        snapshot=snapshot, folds=folds, prepared=prepared, arrays=arrays, model=model, calibration=calibration,
        on_test=on_test, checkpoints=around.checkpoints,
    )  # fmt: skip
    audited = _audits.of_model(spec, step, trained, store)

    champion, unreachable = around.find_champion(model)
    comparisons, incomparable = _compared(spec, step, champion, on_test, folds, store)
    evidence = Evidence(
        evaluation=evaluated, findings=audited.findings, comparisons=comparisons, leaks=leaks,
        champion_version=champion.version if champion else 0, comparison_problem=unreachable or incomparable,
        slices=audited.slices, multiplicity=audited.multiplicity, coverage=audited.coverage,
    )  # fmt: skip
    waivers, scope = _waivers.asked(spec, source)
    decision = step("decide", gates.decide, evidence, asked, spec.registry.promote_inconclusive, waivers, scope)
    lineage = _lineage(
        snapshot=snapshot, validation=checked, folds=folds, profile=profile, preprocessing=prepared, arrays=arrays,
        leaks=leaks, model=model, calibration=calibration, predictions=on_test, evaluation=evaluated,
        findings=audited.findings, decision=decision,
    )  # fmt: skip
    judged_on = _audits.fold_of(spec, folds)
    written = step(
        "documents", audit.documents, spec.name, snapshot, folds, profile, checked, model, evaluated,
        audited.findings, decision, spec.audit.documents, profiles, store=store,
    )  # fmt: skip
    bundle = step(
        "evidence", audit.bundle, evidence, asked, spec.registry.promote_inconclusive, waivers, scope, decision,
        (*lineage, ("name", spec.name), ("data", source.sha256), ("model", model.sha256)),
        around.look(judged_on, model), audit.signer(), written.files, store=store,
    )  # fmt: skip
    report = step(
        "report", reporting.report, spec.name, evaluated, audited.findings, decision, model, calibration, checked,
        folds, profile, leaks, snapshot, lineage, _search.written(spec, found), evidence,
        pages=reporting.Pages() if unreachable else Later(around.pages), store=store,
    )  # fmt: skip
    searched = None
    if found is not None:
        searched = step("search-report", reporting.search_report, spec.name, found, tune, evaluated, store=store)
    registered, pending = _registered(
        spec, step, folds, model, calibration, evidence, decision, bundle, unreachable, around
    )
    return Links(
        snapshot=snapshot, validation=checked, folds=folds, leaks=leaks, model=model, calibration=calibration,
        evaluation=evaluated, findings=audited.findings, judged_on=judged_on, decision=decision, evidence=bundle,
        report=report, registered=registered, pending=pending, n_unseen=on_test.n_unseen,
        search=found, search_report=searched,
    )  # fmt: skip


def read(
    spec: Spec, source: Source, step: Step, around: Surroundings
) -> tuple[Snapshot, tuple[Column, ...], ValidationReport, Folds]:
    """The data, their feature columns, what was expected of them, and their folds. Raises ValidationFailed."""
    store = around.store
    snapshot = step("ingest", data.ingest, source, spec.data, root=spec.root, table=around.table, store=store)
    columns = _fits.feature_columns(spec, snapshot)
    checked = step("validate", validation.validate, snapshot, spec.validation, spec.personal, store=store)
    if not checked.passed:
        raise validation.failure(checked)
    folds = step("split", data.split, snapshot, spec.split, spec.target, spec.task, spec.seed, store=store)
    return snapshot, columns, checked, folds


def _compared(
    spec: Spec, step: Step, champion: Champion | None, on_test: Predictions, folds: Folds, store: Store
) -> tuple[tuple[Comparison, ...], str]:
    """The candidate against the champion in every metric that a gate asks for, and why they cannot be compared."""
    metrics = gates.asked_metrics(spec.gates)
    if champion is None or not metrics:
        return (), ""
    fold, n_excluded = _champion.unseen(folds.test, folds.row_hashes, champion.train_hashes, store)
    try:
        of_champion = step(
            "predict-champion", inference.predict, champion.model, fold, champion.calibration,
            store=store, root=spec.root,
        )  # fmt: skip
        found: tuple[Comparison, ...] = step(
            "compare", evaluation.compare, on_test, of_champion, champion.version, n_excluded, metrics,
            spec.evaluation, store=store,
        )  # fmt: skip
    except DataError as error:  # it predicts something else, or needs columns that are gone
        return (), str(error)
    return found, ""


def _registered(
    spec: Spec,
    step: Step,
    folds: Folds,
    model: Model,
    calibration: Calibration,
    evidence: Evidence,
    decision: Decision,
    bundle: Bundle,
    unreachable: str,
    around: Surroundings,
) -> tuple[Registered | None, str]:
    """The model version, or why there is none yet: the model is safe, and `assay sync` registers it later."""
    if unreachable:
        return None, unreachable
    try:
        registered: Registered = step(
            "register", registry.register, model, calibration, decision, spec.registered_name,
            spec.registry.alias, around.server, bundle.manifest.sha256, spec.registry.sign_off, spec.validation,
            train_hashes=Later(lambda: _champion.trained_on(folds, around.store)), metrics=evidence.evaluation.metrics,
            run_id=around.tracking_run, uri=around.uri, home=around.home, store=around.store,
        )  # fmt: skip
    except (RegistryError, TrackingError) as error:
        return None, str(error)
    return registered, ""


def _lineage(**handoffs: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, sha256_of(to_json(value))) for name, value in handoffs.items() if value)

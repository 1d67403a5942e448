"""The chain, written once: what happens, in order. The table of contents of assay.

A stage is called through `step`, which decides how (in this process, from the cache, as a task of a flow); arguments by
position are what the stage's result depends on, keyword arguments are its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay import audit, data, evaluation, gates, inference, preprocessing, registry, reporting, training, validation
from assay.artifacts import (
    Calibration,
    Champion,
    Comparison,
    Decision,
    Evaluation,
    Events,
    Evidence,
    Findings,
    Folds,
    LeakReport,
    Model,
    Predictions,
    Registered,
    Report,
    Snapshot,
    Source,
    ValidationReport,
    sha256_of,
    to_json,
)
from assay.errors import DataError, RegistryError, TrackingError
from assay.pipeline import _champion, _fits
from assay.pipeline._steps import ByKey, Later, Step
from assay.spec import Spec, loading
from assay.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stages need around them and results do not depend on.

    `server` names the registry: a model that was registered in one is not registered in another. `tracking_run` waits
    for MLflow to answer with the id of this run, `pages` for where it shows run and model.
    """

    home: Path
    store: Store
    events: Events
    checkpoints: ByKey
    find_champion: Callable[[Any], tuple[Champion | None, str]]
    tracking_run: Callable[[], str]
    pages: Callable[[], reporting.Pages]
    uri: str
    server: str
    table: Any = None


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
    decision: Decision
    report: Report
    registered: Registered | None
    pending: str
    n_unseen: int


def chain(spec: Spec, source: Source, step: Step, around: Surroundings) -> Links:
    """Data to decision. Raises ValidationFailed when the data are not what the spec expects of them."""
    store = around.store
    snapshot = step("ingest", data.ingest, source, spec.data, root=spec.root, table=around.table, store=store)
    checked = step("validate", validation.validate, snapshot, spec.validation, spec.personal, store=store)
    if not checked.passed:
        raise validation.failure(checked)

    folds = step("split", data.split, snapshot, spec.split, spec.target, spec.task, spec.seed, store=store)
    profile = step("profile", data.profile, snapshot, folds, spec.personal, store=store)

    columns = _fits.feature_columns(spec, snapshot)
    prepared = step(
        "preprocess", preprocessing.fit, folds.train, spec.preprocessing, columns, spec.target, spec.task, store=store
    )
    _fits.gates_can_answer(spec, prepared)
    arrays = step("encode", preprocessing.encode, prepared, folds.train, folds.valid, store=store)
    leaks = step("probe", evaluation.probe, arrays, prepared, folds.duplicates, spec.seed, store=store)

    model = step(
        "train", training.train, arrays, prepared, spec.model, spec.training, spec.compute, spec.seed,
        store=store, events=around.events, folder=around.checkpoints, root=spec.root,
    )  # fmt: skip
    on_valid = step("predict-valid", inference.predict, model, folds.valid, None, store=store, root=spec.root)
    calibration = step("calibrate", evaluation.calibrate, on_valid, spec.evaluation, store=store)
    on_test = step("predict", inference.predict, model, folds.test, calibration, store=store, root=spec.root)

    evaluated = step("evaluate", evaluation.evaluate, on_test, on_valid, model.epochs, spec.evaluation, store=store)
    findings = _audited(spec, step, snapshot, folds, model, calibration, on_test, store)

    champion, unreachable = around.find_champion(model)
    comparisons, incomparable = _compared(spec, step, champion, on_test, folds, store)
    evidence = Evidence(
        evaluation=evaluated,
        findings=findings,
        comparisons=comparisons,
        champion_version=champion.version if champion else 0,
        leaks=leaks,
        comparison_problem=unreachable or incomparable,
    )
    decision = step("decide", gates.decide, evidence, spec.gates, spec.registry.promote_inconclusive)
    lineage = _lineage(
        snapshot=snapshot, validation=checked, folds=folds, profile=profile, preprocessing=prepared, arrays=arrays,
        leaks=leaks, model=model, calibration=calibration, predictions=on_test, evaluation=evaluated, findings=findings,
        decision=decision,
    )  # fmt: skip
    report = step(
        "report", reporting.report, spec.name, evaluated, findings, decision, model, calibration, checked, folds,
        profile, leaks, snapshot, lineage, loading.as_written(spec),
        pages=reporting.Pages() if unreachable else Later(around.pages), store=store,
    )  # fmt: skip
    registered, pending = None, unreachable
    if not unreachable:
        try:
            registered = step(
                "register", registry.register, model, calibration, decision, spec.registered_name,
                spec.registry.alias, around.server, spec.registry.sign_off, spec.validation,
                train_hashes=Later(lambda: _champion.trained_on(folds, store)), metrics=evaluated.metrics,
                run_id=around.tracking_run, uri=around.uri, home=around.home, store=store,
            )  # fmt: skip
        except (RegistryError, TrackingError) as error:
            pending = str(error)  # the model is safe; `assay sync` registers it when MLflow answers again
    return Links(
        snapshot=snapshot,
        validation=checked,
        folds=folds,
        leaks=leaks,
        model=model,
        calibration=calibration,
        evaluation=evaluated,
        findings=findings,
        decision=decision,
        report=report,
        registered=registered,
        pending=pending,
        n_unseen=on_test.n_unseen,
    )


def _audited(
    spec: Spec,
    step: Step,
    snapshot: Snapshot,
    folds: Folds,
    model: Model,
    calibration: Calibration,
    on_test: Predictions,
    store: Store,
) -> Findings | None:
    """The audit of the test predictions, or of those of a fold of its own; None when the spec names nobody."""
    if not spec.audit.sensitive:
        return None
    predictions = on_test
    if spec.audit.fold == "audit":
        predictions = step(
            "predict-audit", inference.predict, model, folds.audit, calibration, store=store, root=spec.root
        )
    found: Findings = step("audit", audit.audit, predictions, snapshot, spec.audit, store=store)
    return found


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


def _lineage(**handoffs: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, sha256_of(to_json(value))) for name, value in handoffs.items() if value)

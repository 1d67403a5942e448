"""The chain, written once: what happens, in order. The table of contents of assay.

A stage is called through `step`, which decides how (in this process, from the cache, as a task of a flow); arguments by
position are what the stage's result depends on, keyword arguments are its surroundings.
"""

from __future__ import annotations

from assay import (
    audit,
    data,
    evaluation,
    gates,
    inference,
    monitoring,
    preprocessing,
    registry,
    reporting,
    training,
    validation,
)
from assay.artifacts import (
    Champion,
    Column,
    Comparison,
    Evidence,
    Folds,
    Predictions,
    Profile,
    Registered,
    Search,
    Source,
    sha256_of,
    to_json,
)
from assay.errors import DataError, RegistryError, TrackingError
from assay.pipeline import _audits, _champion, _fits, _mitigation, _pretrained, _search, _waivers
from assay.pipeline._links import Judged, Links, Questions, Read, Surroundings, Told, Trained
from assay.pipeline._steps import Later, Step
from assay.spec import Spec
from assay.store import Store


def chain(spec: Spec, source: Source, step: Step, around: Surroundings) -> Links:
    """Data to decision. Raises ValidationFailed when the data are not what the spec expects of them."""
    found = read(spec, source, step, around)
    profile = step("profile", data.profile, found.snapshot, found.folds, spec.personal, store=around.store)

    tune = spec.tune
    search = _search.searched(spec, found, step, around)
    spec, columns = _search.won(spec, found.columns, found.snapshot, search)
    found = _search.refitted(tune, found, spec.seed, step, around)

    asked = _audits.asked(spec)
    trained = learn(spec, found, columns, asked, search, step, around)
    judged = judge(spec, source, trained, asked, step, around)
    judged_on = _audits.fold_of(spec, found.folds)
    n_looks = around.look(judged_on, trained.model)
    as_trained = _search.written(spec, search)
    told = tell(spec, source, found, profile, as_trained, trained, judged, asked, n_looks, step, around)
    search_report = _search.told(spec.name, tune, search, judged, step, around)
    registered, pending = register(spec, trained, judged, told, step, around)
    return Links(
        read=found, trained=trained, judged=judged, judged_on=judged_on, told=told, registered=registered,
        pending=pending, search=search, search_report=search_report,
    )  # fmt: skip


def read(spec: Spec, source: Source, step: Step, around: Surroundings) -> Read:
    """The data, what was expected of them, and their folds. Raises ValidationFailed."""
    store = around.store
    snapshot = step("ingest", data.ingest, source, spec.data, root=spec.root, table=around.table, store=store)
    columns = _fits.feature_columns(spec, snapshot)
    checked = step("validate", validation.validate, snapshot, spec.validation, spec.personal, store=store)
    if not checked.passed:
        raise validation.failure(checked)
    folds = step("split", data.split, snapshot, spec.split, spec.target, spec.task, spec.seed, store=store)
    return Read(snapshot=snapshot, columns=columns, validation=checked, folds=folds)


def learn(
    spec: Spec, found: Read, columns: tuple[Column, ...], asked: Questions, search: Search | None, step: Step,
    around: Surroundings,
) -> Trained:  # fmt: skip
    """Preprocessing and a model, fitted on train rows; threshold and temperature on valid rows; then the test rows."""
    store, folds = around.store, found.folds
    prepared = step(
        "preprocess", preprocessing.fit, folds.train, spec.preprocessing, columns, spec.target, spec.task, store=store
    )
    _fits.gates_can_answer(spec, prepared)
    if search is None:  # or it was done before the search
        _audits.of_data(spec, step, asked.gates, found.snapshot, folds, prepared, store)
    arrays = step("encode", preprocessing.encode, prepared, folds.train, folds.valid, store=store)
    leaks = step("probe", evaluation.probe, arrays, prepared, folds.duplicates, spec.seed, store=store)

    _pretrained.check_vocabulary(spec, prepared, around)
    rows = _pretrained.embedded(spec, prepared, arrays, step, around.weights, store)
    mitigated = _mitigation.of_training(spec, step, folds.train, found.snapshot, store)
    model = _search.trained(search) or step(
        "train", training.train, rows, prepared, spec.model, spec.training, spec.compute, spec.seed, *mitigated,
        store=store, events=around.events, folder=around.checkpoints, root=spec.root, weights=around.weights,
    )  # fmt: skip
    on_valid = step("predict-valid", inference.predict, model, folds.valid, None, store=store, root=spec.root)
    calibration = step("calibrate", evaluation.calibrate, on_valid, spec.evaluation, store=store)
    calibration = _mitigation.of_decision(spec, step, model, folds, found.snapshot, calibration, store)
    on_test = step("predict", inference.predict, model, folds.test, calibration, store=store, root=spec.root)
    return Trained(
        snapshot=found.snapshot, folds=folds, prepared=prepared, arrays=arrays, leaks=leaks, model=model,
        calibration=calibration, on_valid=on_valid, on_test=on_test, mitigated=mitigated,
    )  # fmt: skip


def judge(spec: Spec, source: Source, of: Trained, asked: Questions, step: Step, around: Surroundings) -> Judged:
    """Evaluate, audit, compare with the champion, and decide."""
    store = around.store
    evaluated = step(
        "evaluate", evaluation.evaluate, of.on_test, of.on_valid, of.model.epochs, spec.evaluation, store=store
    )
    audited = _audits.of_model(spec, step, of, around)
    unmitigated = _mitigation.without(spec, step, of, _audits.fold_of(spec, of.folds), around)
    champion, unreachable = around.find_champion(of.model)
    comparisons, incomparable = _compared(spec, step, champion, of.on_test, of.folds, store)
    evidence = Evidence(
        evaluation=evaluated, findings=audited.findings, comparisons=comparisons, leaks=of.leaks,
        champion_version=champion.version if champion else 0, comparison_problem=unreachable or incomparable,
        slices=audited.slices, multiplicity=audited.multiplicity, coverage=audited.coverage,
        explained=audited.explained, stability=audited.stability, flips=audited.flips, membership=audited.membership,
    )  # fmt: skip
    waivers, scope = _waivers.asked(spec, source)
    decision = step("decide", gates.decide, evidence, asked.gates, spec.registry.promote_inconclusive, waivers, scope)
    return Judged(
        evidence=evidence, decision=decision, waivers=waivers, scope=scope, unreachable=unreachable,
        unmitigated=unmitigated,
    )  # fmt: skip


def tell(
    spec: Spec, source: Source, found: Read, profile: Profile, as_trained: str, of: Trained, judged: Judged,
    asked: Questions, n_looks: int, step: Step, around: Surroundings,
) -> Told:  # fmt: skip
    """Documents, sealed evidence, and the page for the reviewer."""
    store, evidence, decision = around.store, judged.evidence, judged.decision
    lineage = _lineage(found, profile, of, judged)
    written = step(
        "documents", audit.documents, spec.name, of.snapshot, of.folds, profile, found.validation, of.model,
        evidence.evaluation, evidence.findings, decision, spec.audit.documents, asked.profiles, store=store,
    )  # fmt: skip
    bundle = step(
        "evidence", audit.bundle, evidence, asked.gates, spec.registry.promote_inconclusive,
        judged.waivers, judged.scope, decision,
        (*lineage, ("name", spec.name), ("data", source.sha256), ("model", of.model.sha256)), n_looks,
        audit.signer(), written.files, store=store,
    )  # fmt: skip
    report = step(
        "report", reporting.report, spec.name, evidence.evaluation, evidence.findings, decision, of.model,
        of.calibration, found.validation, of.folds, profile, of.leaks, of.snapshot, lineage,
        as_trained, evidence, judged.unmitigated,
        pages=reporting.Pages() if judged.unreachable else Later(around.pages), store=store,
    )  # fmt: skip
    return Told(evidence=bundle, report=report)


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


def register(
    spec: Spec, of: Trained, judged: Judged, told: Told, step: Step, around: Surroundings
) -> tuple[Registered | None, str]:
    """The model version, or why there is none yet: the model is safe, and `assay sync` registers it later."""
    if judged.unreachable:
        return None, judged.unreachable
    reference = step(
        "reference", monitoring.reference, of.snapshot, of.folds.train, of.on_test, of.prepared.inputs, spec.personal,
        spec.n_sampled, judged.evidence.evaluation.metrics, store=around.store,
    )  # fmt: skip
    try:
        registered: Registered = step(
            "register", registry.register, of.model, of.calibration, judged.decision, spec.registered_name,
            spec.registry.alias, around.server, told.evidence.manifest.sha256, spec.registry.sign_off, spec.validation,
            train_hashes=Later(lambda: _champion.trained_on(of.folds, around.store)),
            metrics=judged.evidence.evaluation.metrics, reference=reference, rules=spec.rules,
            run_id=around.tracking_run, uri=around.uri, home=around.home, store=around.store,
        )  # fmt: skip
    except (RegistryError, TrackingError) as error:
        return None, str(error)
    return registered, ""


def _lineage(found: Read, profile: Profile, of: Trained, judged: Judged) -> tuple[tuple[str, str], ...]:
    """The digest of every hand-off, by the name under which MLflow has it."""
    handoffs = {
        "snapshot": of.snapshot, "validation": found.validation, "folds": of.folds, "profile": profile,
        "preprocessing": of.prepared, "arrays": of.arrays, "leaks": of.leaks, "model": of.model,
        "calibration": of.calibration, "predictions": of.on_test, "evaluation": judged.evidence.evaluation,
        "findings": judged.evidence.findings, "decision": judged.decision,
    }  # fmt: skip
    return tuple((name, sha256_of(to_json(value))) for name, value in handoffs.items() if value)

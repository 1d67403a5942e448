"""The two stops of the audit, as the chain makes them: of the data before training, of the model before it is judged.

What the audit needs of models (other seeds, calibrated predictions) is ordered here and handed over as predictions.
"""

from __future__ import annotations

from datetime import date

from assay import audit, inference, training
from assay.artifacts import (
    Coverage,
    Fold,
    Folds,
    Predictions,
    Preprocessing,
    Silent,
    Snapshot,
)
from assay.pipeline._links import Audited, Questions, Surroundings, Trained
from assay.pipeline._steps import Step
from assay.spec import Spec
from assay.spec.evidence import GateSpec
from assay.store import Store


def asked(spec: Spec) -> Questions:
    """The profiles that the spec names, and every gate: those of the spec, and those of the profiles in force today."""
    profiles = audit.profiles(spec.audit.profiles, spec.root)
    gates = (*spec.gates, *audit.gates_of(profiles, spec.audit, date.today()))
    return Questions(profiles=profiles, gates=gates)


def of_data(
    spec: Spec,
    step: Step,
    gates: tuple[GateSpec, ...],
    snapshot: Snapshot,
    folds: Folds,
    prepared: Preprocessing,
    store: Store,
) -> None:
    """The audit of the data, where the spec asks for it. Raises DataAuditFailed when that ends the run."""
    if spec.audit.data is None:
        return
    found = step(
        "audit-data", audit.audit_data, snapshot, folds, prepared, spec.audit.of_data, spec.personal, store=store
    )
    checks = step("preflight", audit.preflight, found, gates, spec.audit.data)
    if checks.stops:
        raise audit.stopped(checks)


def fold_of(spec: Spec, folds: Folds) -> Fold:
    """The fold that a model is judged on."""
    fold = folds.audit if spec.audit.fold == "audit" else folds.test
    assert fold is not None, "a spec that audits a fold of its own has it split off"
    return fold


def of_model(spec: Spec, step: Step, of: Trained, around: Surroundings) -> Audited:
    """Everything that the spec asks to know of a model."""
    store, config, groups = around.store, spec.audit, spec.audit.of_groups
    audited = of.on_test
    if config.fold == "audit":
        audited = step(
            "predict-audit", inference.predict, of.model, of.folds.audit, of.calibration, store=store, root=spec.root
        )
    findings = slices = multiplicity = None
    if config.sensitive:
        findings = step("audit", audit.audit, audited, of.snapshot, groups, store=store)
    if config.slices is not None:
        seen = tuple(column.name for column in of.prepared.inputs if column.name not in spec.personal)
        slices = step(
            "slices", audit.slices, audited, of.snapshot, of.folds.row_hashes, (*config.columns, *seen), config.slices,
            store=store,
        )  # fmt: skip
    if config.seeds:
        others = tuple(_with_seed(spec, step, of, i, around) for i in range(1, config.seeds + 1))
        multiplicity = step("seeds", audit.multiplicity, (audited, *others), of.snapshot, groups, store=store)
    coverage = _coverage(spec, step, of, audited, store)
    return Audited(findings=findings, slices=slices, multiplicity=multiplicity, coverage=coverage)


def _with_seed(spec: Spec, step: Step, of: Trained, i: int, around: Surroundings) -> Predictions:
    """The same training with another seed, and what that model predicts."""
    model = step(
        f"train-seed-{i}", training.train, of.arrays, of.prepared, spec.model, spec.training, spec.compute,
        spec.seed + i, store=around.store, events=Silent(), folder=around.checkpoints, root=spec.root,
    )  # fmt: skip
    predictions: Predictions = step(
        f"predict-seed-{i}", inference.predict, model, fold_of(spec, of.folds), of.calibration,
        store=around.store, root=spec.root,
    )  # fmt: skip
    return predictions


def _coverage(spec: Spec, step: Step, of: Trained, audited: Predictions, store: Store) -> Coverage | None:
    promised = spec.audit.conformal
    if promised is None:
        return None
    on_valid = step(
        "predict-calibrated", inference.predict, of.model, of.folds.valid, of.calibration, store=store, root=spec.root
    )
    found: Coverage = step(
        "conformal", audit.coverage, on_valid, audited, of.snapshot, spec.audit.of_groups, promised, store=store
    )
    return found

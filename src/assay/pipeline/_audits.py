"""The two stops of the audit, as the chain makes them: of the data before training, of the model before it is judged.

What the audit needs of models (other seeds, calibrated predictions) is ordered here and handed over as predictions.
"""

from __future__ import annotations

from datetime import date

from assay import audit, explain, inference, membership, training
from assay.artifacts import (
    Contributions,
    Coverage,
    Explained,
    Flips,
    Fold,
    Folds,
    Membership,
    Model,
    Predictions,
    Preprocessing,
    Silent,
    Snapshot,
    Stability,
)
from assay.pipeline import _pretrained
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
    others = [_with_seed(spec, step, of, i, around) for i in range(1, config.seeds + 1)]
    if others:
        predicted = (audited, *(_predicted(spec, step, of, i, one, store) for i, one in enumerate(others, start=1)))
        multiplicity = step("seeds", audit.multiplicity, predicted, of.snapshot, groups, store=store)
    explained, stability = _explained(spec, step, of, audited, others, store)
    return Audited(
        findings=findings,
        slices=slices,
        multiplicity=multiplicity,
        coverage=_coverage(spec, step, of, audited, store),
        explained=explained,
        stability=stability,
        flips=_flips(spec, step, of, audited, store),
        membership=_membership(spec, step, of, audited, around),
    )


def _with_seed(spec: Spec, step: Step, of: Trained, i: int, around: Surroundings) -> Model:
    """The same training with another seed."""
    rows = _pretrained.embedded(spec, of.prepared, of.arrays, step, around.weights, around.store)
    model: Model = step(
        f"train-seed-{i}", training.train, rows, of.prepared, spec.model, spec.training, spec.compute,
        spec.seed + i, *of.mitigated, store=around.store, events=Silent(), folder=around.checkpoints, root=spec.root,
        weights=around.weights,
    )  # fmt: skip
    return model


def _predicted(spec: Spec, step: Step, of: Trained, i: int, model: Model, store: Store) -> Predictions:
    """What that model predicts."""
    predictions: Predictions = step(
        f"predict-seed-{i}", inference.predict, model, fold_of(spec, of.folds), of.calibration,
        store=store, root=spec.root,
    )  # fmt: skip
    return predictions


def _explained(
    spec: Spec, step: Step, of: Trained, audited: Predictions, others: list[Model], store: Store
) -> tuple[Explained | None, Stability | None]:
    """Why the model predicts what it does, and whether its reasons hang on its seed."""
    config, groups = spec.audit.explain, spec.audit.of_groups
    if config is None:
        return None, None

    def attribute(name: str, model: Model) -> Contributions:
        found: Contributions = step(
            name, explain.contributions, model, of.calibration, audited, of.snapshot, of.folds.row_hashes, config.rows,
            store=store, root=spec.root,
        )  # fmt: skip
        return found

    ours = attribute("attribute", of.model)
    explained = step(
        "explain", explain.study, of.model, of.calibration, ours, of.snapshot, config, groups, spec.personal,
        store=store, root=spec.root,
    )  # fmt: skip
    theirs = tuple(attribute(f"attribute-seed-{i}", model) for i, model in enumerate(others, start=1))
    if not theirs:
        return explained, None
    return explained, step("stability", explain.stability, ours, theirs, of.snapshot, groups, store=store)


def _flips(spec: Spec, step: Step, of: Trained, audited: Predictions, store: Store) -> Flips | None:
    if not spec.audit.flip:
        return None
    found: Flips = step(
        "flip", explain.flips, of.model, of.calibration, audited, of.snapshot, of.folds.row_hashes,
        spec.audit.of_groups, store=store, root=spec.root,
    )  # fmt: skip
    return found


def _membership(spec: Spec, step: Step, of: Trained, audited: Predictions, around: Surroundings) -> Membership | None:
    if spec.audit.membership is None:
        return None
    found: Membership = step(
        "membership", membership.attack, of.model, of.folds.train, audited, of.arrays.valid, of.folds.row_hashes,
        spec.model, spec.training, spec.compute, spec.seed, spec.audit.membership,
        store=around.store, folder=around.checkpoints, root=spec.root, weights=around.weights,
    )  # fmt: skip
    return found


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

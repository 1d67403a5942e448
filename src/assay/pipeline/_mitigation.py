"""Mitigation in the chain: groups for the training, thresholds for the decision, and what it would be without."""

from __future__ import annotations

from typing import Any

from assay import audit, data, evaluation, inference, mitigation, training
from assay.artifacts import Calibration, Fold, Folds, Model, Silent, Snapshot, TrainFold, Unmitigated
from assay.pipeline import _pretrained
from assay.pipeline._links import Surroundings, Trained
from assay.pipeline._steps import Step
from assay.spec import Spec
from assay.spec.evidence import CROSS, SensitiveSpec
from assay.store import Store


def of_training(spec: Spec, step: Step, train: TrainFold, snapshot: Snapshot, store: Store) -> tuple[Any, ...]:
    """What `training.train` is given beside its other arguments: nothing, or the method and the groups."""
    if spec.mitigate is None or not mitigation.is_of_training(spec.mitigate):
        return ()
    groups = step("groups", data.groups, train, snapshot, columns(spec), store=store)
    return spec.mitigate.model_copy(update={"before": True}), groups  # whether it is compared changes no training


def of_decision(
    spec: Spec, step: Step, model: Model, folds: Folds, snapshot: Snapshot, plain: Calibration, store: Store
) -> Calibration:
    """The calibration, with thresholds per group where the spec asks for them."""
    if spec.mitigate is None or mitigation.is_of_training(spec.mitigate):
        return plain
    groups = step("groups", data.groups, folds.valid, snapshot, columns(spec), store=store)
    on_valid = step("predict-thresholds", inference.predict, model, folds.valid, plain, store=store, root=spec.root)
    found: Calibration = step("thresholds", mitigation.calibrate, on_valid, groups, plain, spec.mitigate, store=store)
    return found


def columns(spec: Spec) -> tuple[SensitiveSpec, ...]:
    """The columns whose groups are to be treated alike, as the audit cuts them."""
    assert spec.mitigate is not None
    audited = {
        entry.column: entry
        for entry in (SensitiveSpec(column=one) if isinstance(one, str) else one for one in spec.audit.sensitive)
    }
    return tuple(audited[name] for name in spec.mitigate.sensitive)


def without(spec: Spec, step: Step, of: Trained, judged_on: Fold, around: Surroundings) -> Unmitigated | None:
    """The same spec without `mitigate`, trained and measured on the same rows; None where there is nothing to compare.

    Its stages are cached like any other, and nothing that is said of the mitigation makes them run again.
    """
    if spec.mitigate is None or not spec.mitigate.before:
        return None
    store, root, model, on_valid = around.store, spec.root, of.model, of.on_valid
    if mitigation.is_of_training(spec.mitigate):
        rows = _pretrained.embedded(spec, of.prepared, of.arrays, step, around.weights, store)
        model = step(
            "train-before", training.train, rows, of.prepared, spec.model, spec.training, spec.compute, spec.seed,
            store=store, events=Silent(), folder=around.checkpoints, root=root, weights=around.weights,
        )  # fmt: skip
        on_valid = step("predict-valid-before", inference.predict, model, of.folds.valid, None, store=store, root=root)
    plain = step("calibrate-before", evaluation.calibrate, on_valid, spec.evaluation, store=store)
    on_test = step("predict-before", inference.predict, model, of.folds.test, plain, store=store, root=root)
    evaluated = step(
        "evaluate-before", evaluation.evaluate, on_test, on_valid, model.epochs, spec.evaluation, store=store
    )
    audited = on_test
    if spec.audit.fold == "audit":
        audited = step("predict-audit-before", inference.predict, model, judged_on, plain, store=store, root=root)
    findings = step("audit-before", audit.audit, audited, of.snapshot, spec.audit.of_groups, store=store)
    return Unmitigated(
        method=spec.mitigate.method,
        sensitive=CROSS.join(spec.mitigate.sensitive),
        notice=mitigation.notice(spec.mitigate),
        evaluation=evaluated,
        findings=findings,
    )


def notices(spec: Spec) -> tuple[str, ...]:
    """What whoever answers for the model has to know of its mitigation."""
    notice = "" if spec.mitigate is None else mitigation.notice(spec.mitigate)
    return (notice,) if notice else ()


def notes(spec: Spec) -> tuple[str, ...]:
    """What a person should know before it runs: the notices, and what before and after cost."""
    if spec.mitigate is None or not spec.mitigate.before or not mitigation.is_of_training(spec.mitigate):
        return notices(spec)
    return (
        *notices(spec),
        "The spec is trained once more without `mitigate`, so that the report can show before and after; "
        "`mitigate: {before: false}` leaves that out.",
    )

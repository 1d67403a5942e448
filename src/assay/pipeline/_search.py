"""The search in the chain: a stage like the others, whose winner is the spec that the stages after it see."""

from __future__ import annotations

from dataclasses import replace

from assay import data, preprocessing, reporting, tuning
from assay.artifacts import Column, Model, Report, Search, Snapshot
from assay.pipeline import _audits, _fits
from assay.pipeline._links import Judged, Read, Surroundings
from assay.pipeline._steps import Step
from assay.spec import Spec, loading
from assay.spec.data import ValidationSpec
from assay.spec.evidence import AuditSpec, EvaluationSpec, RegistrySpec, TrackingSpec
from assay.spec.monitoring import MonitoringSpec
from assay.spec.tuning import TuneSpec


def searched(spec: Spec, found: Read, step: Step, around: Surroundings) -> Search | None:
    """The search that the spec asks for, or None. Raises DataAuditFailed: what data are refused for costs no trial."""
    if spec.tune is None:
        return None
    folds, store = found.folds, around.store
    if spec.audit.data is not None:
        prepared = step(
            "preprocess", preprocessing.fit, folds.train, spec.preprocessing, found.columns, spec.target, spec.task,
            store=store,
        )  # fmt: skip
        _audits.of_data(spec, step, _audits.asked(spec).gates, found.snapshot, folds, prepared, store)
    best: Search = step(
        "tune", tuning.search, folds.train, folds.valid, _fitting(spec), **around.of_search(found.snapshot, folds)
    )
    return best


def refitted(tune: TuneSpec | None, found: Read, seed: int, step: Step, around: Surroundings) -> Read:
    """The data on which the winner is trained in the end."""
    if tune is None or tune.refit.on == "train":
        return found
    folds = step("refit", data.widen, found.folds, tune.refit.keep_frac, seed, store=around.store)
    return replace(found, folds=folds)


def won(
    spec: Spec, columns: tuple[Column, ...], snapshot: Snapshot, found: Search | None
) -> tuple[Spec, tuple[Column, ...]]:
    """The spec of the winner and its feature columns: what the spec says itself where nothing is searched."""
    if found is None:
        return spec, columns
    if not found:  # a plan does not know the winner yet
        return spec.model_copy(update=dict.fromkeys(("preprocessing", "model", "training"), found)), columns
    spec = tuning.winner(spec, found)
    return spec, _fits.feature_columns(spec, snapshot)


def trained(found: Search | None) -> Model | None:
    """The winner's model, where its weights came from other trials and no training alone would give them."""
    return found.best.model if found else None


def written(spec: Spec, found: Search | None) -> str:
    """The spec that was trained, as a person writes it."""
    return "" if found is not None and not found else loading.as_written(spec)


def told(
    name: str, tune: TuneSpec | None, found: Search | None, judged: Judged, step: Step, around: Surroundings
) -> Report | None:
    """The page about the search; None where nothing was searched."""
    if found is None:
        return None
    page: Report = step(
        "search-report", reporting.search_report, name, found, tune, judged.evidence.evaluation, store=around.store
    )
    return page


def _fitting(spec: Spec) -> Spec:
    """The spec without what no trial depends on, so that an edited gate does not search anew.

    Of the audit the sensitive columns stay: they are no features.
    """
    assert spec.tune is not None
    audit = spec.audit if spec.tune.measures_disparity else AuditSpec(sensitive=spec.audit.sensitive)
    parts = {
        "audit": audit,
        "evaluation": EvaluationSpec(),
        "gates": (),
        "monitoring": MonitoringSpec(),
        "registry": RegistrySpec(),
        "tracking": TrackingSpec(),
        "validation": ValidationSpec(),
    }
    return spec.model_copy(update=parts)

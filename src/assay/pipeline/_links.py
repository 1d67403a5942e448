"""What the parts of the chain hand on to each other, and what stages need around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay import reporting, tuning
from assay.artifacts import (
    Bundle,
    Calibration,
    Champion,
    Column,
    Coverage,
    Decision,
    Events,
    Evidence,
    Explained,
    Findings,
    Flips,
    Fold,
    Folds,
    LeakReport,
    Membership,
    Model,
    Multiplicity,
    Predictions,
    Preprocessing,
    Registered,
    Report,
    Scope,
    Search,
    Slices,
    Snapshot,
    Stability,
    TrainingArrays,
    Unmitigated,
    ValidationReport,
)
from assay.pipeline._steps import ByKey, Later
from assay.spec.evidence import GateSpec
from assay.spec.waivers import ProfileSpec, WaiverSpec
from assay.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stages need around them and results do not depend on.

    `look` counts a look of a model at a fold. `server` names the registry: a model that was registered in one is not
    registered in another. `tracking_run` waits for MLflow to answer with the id of this run, `pages` for where it shows
    run and model. `weights` are those that trainings start from.
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
    weights: Any = None
    table: Any = None

    def of_search(self, snapshot: Snapshot, folds: Folds) -> dict[str, Any]:
        """Those of a search."""
        trainer = Later(lambda: self.trainer(snapshot, folds))
        return {"trainer": trainer, "folder": self.searches, "events": self.events}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The data: what was read, which columns are features, what was expected, and which rows are whose."""

    snapshot: Snapshot
    columns: tuple[Column, ...]
    validation: ValidationReport
    folds: Folds


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What a model has to answer to: the gates of the spec and of the legal profiles in force today."""

    profiles: tuple[ProfileSpec, ...]
    gates: tuple[GateSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model with all that it was made from, and what it predicts. `mitigated` is what its training was given more."""

    snapshot: Snapshot
    folds: Folds
    prepared: Preprocessing
    arrays: TrainingArrays
    leaks: LeakReport
    model: Model
    calibration: Calibration
    on_valid: Predictions
    on_test: Predictions
    mitigated: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What the audit of a model found; None is what the spec did not ask for."""

    findings: Findings | None = None
    slices: Slices | None = None
    multiplicity: Multiplicity | None = None
    coverage: Coverage | None = None
    explained: Explained | None = None
    stability: Stability | None = None
    flips: Flips | None = None
    membership: Membership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was measured of a model, and what the gates make of it. `unreachable` is why no champion could be asked."""

    evidence: Evidence
    decision: Decision
    waivers: tuple[WaiverSpec, ...]
    scope: Scope
    unreachable: str
    unmitigated: Unmitigated | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What people read."""

    evidence: Bundle
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What came of one run."""

    read: Read
    trained: Trained
    judged: Judged
    judged_on: Fold
    told: Told
    registered: Registered | None
    pending: str
    search: Search | None
    search_report: Report | None

"""What a run and a plan give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from assay.artifacts import (
    Calibration,
    Decision,
    Evaluation,
    Findings,
    Folds,
    GateResult,
    Interval,
    LeakReport,
    Model,
    Registered,
    Report,
    Search,
    Snapshot,
    ValidationReport,
    Watched,
    WatchVerdict,
    as_data,
)

Outcome = Literal["promoted", "refused", "inconclusive"]
How = Literal["paired", "unpaired", "none"]
WATCH_CODES: dict[WatchVerdict, int] = {"QUIET": 0, "FIRES": 2, "UNDECIDED": 3}
EXIT_CODES: dict[Outcome, int] = {"promoted": 0, "refused": 2, "inconclusive": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """One stage of a run: whether its result was reused, how long it took (when it ran), its key and digest."""

    name: str
    reused: bool
    seconds: float
    key: str
    digest: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run came to. `registered` is None when the registry was out of reach (`pending` says why).

    `asked_metrics` are those that gates ask for.
    """

    run_id: str
    name: str
    outcome: Outcome
    decision: Decision
    evaluation: Evaluation
    findings: Findings | None
    leaks: LeakReport
    validation: ValidationReport
    calibration: Calibration
    model: Model
    snapshot: Snapshot
    folds: Folds
    report: Report
    registered: Registered | None
    stages: tuple[StageRecord, ...]
    seconds: float
    n_looks: int
    review_path: str
    asked_metrics: tuple[str, ...] = ()
    mlflow_run_id: str = ""
    mlflow_url: str = ""
    pending: str = ""
    warnings: tuple[str, ...] = ()
    search: Search | None = None
    search_path: str = ""

    @property
    def exit_code(self) -> int:
        """0 promoted, 2 refused by a gate, 3 inconclusive."""
        return EXIT_CODES[self.outcome]

    @property
    def reused(self) -> bool:
        """True when no stage had to run."""
        return all(stage.reused for stage in self.stages)

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        data: dict[str, Any] = as_data(self)
        return data | {"exit_code": self.exit_code, "reused": self.reused}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search alone came to. `spec_path` is the spec of the winner, which trains alone."""

    run_id: str
    name: str
    search: Search
    spec_path: str
    seconds: float
    reused: bool
    mlflow_run_id: str = ""
    mlflow_url: str = ""
    warnings: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        data: dict[str, Any] = as_data(self)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """The training that windows have led to: its result, or why there is none."""

    run: RunResult | None = None
    problem: str = ""

    def as_data(self) -> dict[str, Any]:
        """What it came to, as JSON data."""
        if self.run is None:
            return {"problem": self.problem}
        return {"run_id": self.run.run_id, "outcome": self.run.outcome, "reason": self.run.decision.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """What a watch came to. `page` is the report, `problem` why MLflow could not be told, `gauges` are Prometheus'."""

    watched: Watched
    page: str
    mlflow_url: str
    problem: str
    retrained: Retrained | None
    gauges: str

    @property
    def exit_code(self) -> int:
        """0 nothing, 2 the rule fires, 3 undecided."""
        return WATCH_CODES[self.watched.verdict]

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        data: dict[str, Any] = as_data(self.watched)
        return data | {
            "page": self.page,
            "mlflow_url": self.mlflow_url,
            "problem": self.problem,
            "retrained": self.retrained.as_data() if self.retrained else None,
            "exit_code": self.exit_code,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """One stage as it would go now, why, and how many seconds it took last time (None: never ran)."""

    name: str
    will_run: bool
    reason: str
    last_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `run` would do now. `gates` are the questions that the gates will ask."""

    name: str
    stages: tuple[PlannedStage, ...]
    gates: tuple[str, ...]
    warnings: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """The plan as JSON data."""
        data: dict[str, Any] = as_data(self)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecChange:
    """What two specs say at one path; None where one says nothing."""

    path: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPair:
    """A metric of two runs, each on its own test fold. `gain` is second over first, oriented: positive is better."""

    name: str
    first: Interval | None
    second: Interval | None
    gain: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePair:
    """One gate in two runs; None in a run that does not ask it."""

    title: str
    first: GateResult | None
    second: GateResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two runs beside each other. `how` gains were made, and `why` so."""

    first: str
    second: str
    spec: tuple[SpecChange, ...]
    metrics: tuple[MetricPair, ...]
    how: How
    why: str
    gates: tuple[GatePair, ...]

    def as_data(self) -> dict[str, Any]:
        """The comparison as JSON data."""
        data: dict[str, Any] = as_data(self)
        return data

"""The words of the YAML.

A spec is read once, whole: every mistake is reported at once, with its line. Plugins' options stand beside the plugin's
name and are checked by the plugin's own `Config`, so a new plugin needs no change here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from assay.artifacts import FOLD_COLUMN, Task
from assay.errors import did_you_mean
from assay.spec import _mistakes
from assay.spec.data import DataSpec, FeaturesSpec, SplitSpec, TargetSpec, ValidationSpec
from assay.spec.evidence import (
    NAME,
    NAME_IN_WORDS,
    AuditSpec,
    EvaluationSpec,
    GateSpec,
    MitigateSpec,
    RegistrySpec,
    TrackingSpec,
)
from assay.spec.monitoring import MonitoringSpec, Rules
from assay.spec.preprocessing import PreprocessingSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.spec.tuning import TuneSpec
from assay.spec.words import Slip, Words, Wrong

SAMPLE_ROWS = 2000
LOSSES: dict[Task, tuple[str, ...]] = {
    "classification": ("auto", "cross_entropy"),
    "regression": ("auto", "mse", "mae", "huber"),
}


class Spec(Words):
    """One training, from data to promotion."""

    model_config = ConfigDict(title="assay spec", extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal[1]
    name: str = Field(pattern=NAME, description=NAME_IN_WORDS)
    task: Task
    seed: int = Field(default=0, ge=0, lt=2**32)
    data: DataSpec
    target: TargetSpec
    features: FeaturesSpec = FeaturesSpec()
    personal: tuple[str, ...] = Field(default=(), description="columns whose values are never shown")
    split: SplitSpec = SplitSpec()
    validation: ValidationSpec = ValidationSpec()
    preprocessing: PreprocessingSpec = PreprocessingSpec()
    model: ModelSpec = ModelSpec()
    training: TrainingSpec = TrainingSpec()
    compute: ComputeSpec = ComputeSpec()
    tune: TuneSpec | None = None
    evaluation: EvaluationSpec = EvaluationSpec()
    audit: AuditSpec = AuditSpec()
    mitigate: MitigateSpec | None = None
    gates: tuple[GateSpec, ...] = ()
    monitoring: MonitoringSpec = MonitoringSpec()
    registry: RegistrySpec = RegistrySpec()
    tracking: TrackingSpec = TrackingSpec()

    _root: Path = PrivateAttr(default_factory=Path.cwd)
    _file: str = PrivateAttr(default="spec")
    _lines: dict[tuple[str | int, ...], int] = PrivateAttr(default_factory=dict)
    _overrides: tuple[str, ...] = PrivateAttr(default=())

    @property
    def root(self) -> Path:
        """The folder that relative paths in the spec start from: that of the spec's file."""
        return self._root

    @property
    def registered_name(self) -> str:
        """The name of the registered model."""
        return self.registry.name or self.name

    @property
    def rules(self) -> Rules:
        """What windows of later rows are held against: kept with the model."""
        return Rules(
            monitoring=self.monitoring, evaluation=self.evaluation, audit=self.audit.of_groups, gates=self.gates
        )

    @property
    def n_sampled(self) -> int:
        """How many training rows may be kept with the model: none of people, unless the spec says so."""
        asked = self.monitoring.sample_rows
        if asked is not None:
            return asked
        return 0 if self.personal or self.audit.sensitive else SAMPLE_ROWS

    @property
    def file(self) -> str:
        """The name of the file that the spec was read from."""
        return self._file

    @property
    def lines(self) -> dict[tuple[str | int, ...], int]:
        """The line of the file on which each path of the spec stands."""
        return self._lines

    @property
    def overrides(self) -> tuple[str, ...]:
        """What was set beside the file, as `a.b=c`."""
        return self._overrides

    def place(self, dotted: str) -> str:
        """Where the path `dotted` of the spec stands, for people: file, line and path, or the `--set` that wrote it."""
        known = max((path for path in self._lines if f"{dotted}.".startswith(_dotted(path) + ".")), key=len, default=())
        rest = dotted.removeprefix(_dotted(known)).strip(".")
        return _mistakes.where(self._lines, self._overrides, (*known, rest) if rest else known, self._file)

    def read_from(self, path: Path, lines: dict[tuple[str | int, ...], int], overrides: tuple[str, ...] = ()) -> Self:
        """The same spec, as read from the file at `path`: relative paths in it start from the file's folder."""
        copy = self.model_copy()
        copy._root, copy._file, copy._lines, copy._overrides = path.resolve().parent, path.name, lines, overrides
        return copy

    def feature_columns(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `columns` that the model sees, in the order of the table."""
        features = self.features
        hidden = {self.target.column, FOLD_COLUMN, *features.exclude}
        hidden |= set(self.audit.columns) - set(features.use_sensitive)
        if self.split.by != "time":
            hidden.add(str(self.split.options.get("column", "")))
        wanted = set(columns if features.include is None else features.include)
        return tuple(name for name in columns if name in wanted and name not in hidden)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        Wrong.when(*self._disagreements())
        return self

    def _disagreements(self) -> Iterator[Slip]:
        """What one part says that another does not allow."""
        yield from self._not_of_the_task()
        columns, features = self.audit.columns, self.features
        for position, name in enumerate(self.personal):
            if name in columns:
                yield Slip(
                    f"personal.{position}", "columns that the audit does not show", f"{name!r}, which is audited"
                )
        if self.audit.fold == "audit" and not columns:
            yield Slip("audit.fold", "`test`, or columns in `audit.sensitive` to set rows apart for")
        for position, name in enumerate(features.use_sensitive):
            if name not in columns:
                known = ", ".join(columns) or "none: `audit.sensitive` is empty"
                found = f"{name!r} is not in `audit.sensitive`"
                yield Slip(f"features.use_sensitive.{position}", known, found, did_you_mean(name, columns))
        for position, name in enumerate(self.mitigate.sensitive if self.mitigate is not None else ()):
            if name not in columns:
                known = ", ".join(columns) or "none: `audit.sensitive` is empty"
                found = f"{name!r} is not in `audit.sensitive`"
                yield Slip(f"mitigate.sensitive.{position}", known, found, did_you_mean(name, columns))
        for position, name in enumerate(features.include or ()):
            if name == self.target.column:
                yield Slip(f"features.include.{position}", "columns other than the target")

    def _not_of_the_task(self) -> Iterator[Slip]:
        training, target = self.training, self.target
        allowed = LOSSES[self.task]
        if training.loss not in allowed:
            yield Slip("training.loss", ", ".join(allowed), f"{training.loss!r} is no loss of {self.task}")
        if self.task == "classification" and target.log:
            yield Slip("target.log", "false: the task is classification")
        if self.task == "regression":
            wrong = {"target.positive": target.positive, "training.class_weights": training.class_weights}
            yield from (Slip(key, "null: the task is regression") for key, value in wrong.items() if value is not None)
            if training.label_smoothing:
                yield Slip("training.label_smoothing", "0: the task is regression")
            if self.mitigate is not None:
                yield Slip("mitigate", "null: the task is regression, and methods compare rates of classes")


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))

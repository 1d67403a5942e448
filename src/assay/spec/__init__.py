"""The words of the YAML.

A spec is read once, whole: every mistake is reported at once, with its line. Plugins' options stand beside the plugin's
name and are checked by the plugin's own `Config`, so a new plugin needs no change here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from assay.artifacts import FOLD_COLUMN, Task
from assay.spec.data import DataSpec, FeaturesSpec, SplitSpec, TargetSpec, ValidationSpec
from assay.spec.evidence import AuditSpec, EvaluationSpec, GateSpec, RegistrySpec, TrackingSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.spec.tuning import TuneSpec
from assay.spec.words import Words


class Spec(Words):
    """One training, from data to promotion."""

    model_config = ConfigDict(title="assay spec", extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
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
    gates: tuple[GateSpec, ...] = ()
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
        if self.task == "regression" and self.target.positive is not None:
            raise ValueError("`target.positive` is of classification; the task is regression")
        if self.task == "classification" and self.target.log:
            raise ValueError("`target.log` is of regression; the task is classification")
        both = set(self.personal) & set(self.audit.columns)
        if both:
            raise ValueError(
                f"{', '.join(sorted(both))}: a personal column is never shown, and an audit shows its groups"
            )
        if self.audit.fold == "audit" and not self.audit.sensitive:
            raise ValueError("`audit.fold: audit` sets rows apart, but `audit.sensitive` is empty")
        return self

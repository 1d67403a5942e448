"""`evaluation`, `audit`, `gates`, `registry` and `tracking` of a spec."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from assay.spec.words import Named, Words


class EvaluationSpec(Words):
    """How the model is measured. Threshold and temperature are chosen on the valid fold, never on test."""

    threshold: Literal["accuracy", "balanced_accuracy", "f1", "youden"] | float = "accuracy"
    calibrate: Literal["temperature", "none"] = "temperature"
    level: float = Field(default=0.95, gt=0.5, lt=1)
    n_bootstrap: int = Field(default=1000, ge=100, le=100_000)
    quantiles: tuple[float, ...] = Field(default=(0.1, 0.5, 0.9), description="of the pinball loss, in regression")


class SensitiveSpec(Words):
    """A sensitive column. A numeric one is cut at `edges` into groups."""

    column: str
    edges: tuple[float, ...] | None = None


class AuditSpec(Words):
    """For whom the model works: the sensitive columns, their crossings, and who is too few to be judged alone."""

    sensitive: tuple[str | SensitiveSpec, ...] = ()
    crossings: tuple[tuple[str, ...], ...] = ()
    fold: Literal["test", "audit"] = "test"
    min_share: float = Field(default=0.02, ge=0, lt=1, description="smaller groups can fail a gate, never pass it")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the sensitive columns."""
        return tuple(entry if isinstance(entry, str) else entry.column for entry in self.sensitive)


class GateSpec(Named):
    """A gate and its options."""

    gate: str


class RegistrySpec(Words):
    """Where a model is registered. `name` is the spec's own where it is null."""

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    alias: str = Field(default="champion", pattern=r"^[a-z][a-z0-9_-]{0,49}$")
    promote_inconclusive: bool = False
    sign_off: bool = Field(default=False, description="a decision to promote waits for `assay promote` by a person")


class TrackingSpec(Words):
    """Where runs are logged. `uri` is the server of `assay up`, or this folder's own store, where it is null."""

    experiment: str | None = None
    uri: str | None = None
    system_metrics_every_s: float = Field(default=5.0, gt=0)

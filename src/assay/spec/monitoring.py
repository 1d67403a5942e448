"""`monitoring` of a spec: what `assay watch` keeps of the training rows, and when later rows differ too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import yaml
from pydantic import Field, ValidationError, model_validator

from assay.errors import Mistake, SpecError, did_you_mean
from assay.spec.evidence import AuditSpec, EvaluationSpec, GateSpec
from assay.spec.words import Slip, Words, Wrong


class MonitoringSpec(Words):
    """When a window of rows differs too much from training: a test *and* an effect size; and when that fires.

    It fires when `violations` of the last `of` windows violate, the newest among them.
    """

    sample_rows: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="training rows kept with the model in coarse codes, without personal columns; null: 2000, or none "
        "where the spec names personal or sensitive columns",
    )
    min_rows: int = Field(default=100, ge=20, description="a window of fewer is undecided")
    alpha: float = Field(default=0.01, gt=0, lt=0.5, description="of all looks at a window together")
    min_psi: float = Field(default=0.1, gt=0, description="population stability index from which a column has moved")
    min_missing: float = Field(default=0.05, gt=0, lt=1, description="difference in the share of missing values")
    min_new: float = Field(default=0.01, gt=0, lt=1, description="share of values that no training row has")
    min_auc: float = Field(default=0.6, gt=0.5, lt=1, description="of telling the window from training rows")
    violations: int = Field(default=2, ge=1)
    of: int = Field(default=3, ge=1)

    @model_validator(mode="after")
    def _rule_can_fire(self) -> Self:
        Wrong.when(Slip("violations", f"at most `of`, {self.of}") if self.violations > self.of else None)
        return self


class Rules(Words):
    """What windows are held against, as it is kept with a model version: words of the spec that it was trained by."""

    monitoring: MonitoringSpec = MonitoringSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    audit: AuditSpec = AuditSpec()
    gates: tuple[GateSpec, ...] = ()


def changed(rules: Rules, overrides: Sequence[str]) -> Rules:
    """The rules with words of `monitoring` set as `min_psi=0.2`. Raises SpecError."""
    known, words = list(MonitoringSpec.model_fields), rules.monitoring.model_dump()
    for override in overrides:
        key, _, text = override.removeprefix("monitoring.").partition("=")
        if key not in known:
            hint = did_you_mean(key, known)
            raise SpecError.of(
                [Mistake(where=f"--set {override}", found=repr(key), allowed=", ".join(known), hint=hint)]
            )
        words[key] = yaml.safe_load(text)
    try:
        return rules.model_copy(update={"monitoring": MonitoringSpec.model_validate(words)})
    except ValidationError as error:
        said = [(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_url=False)]
        raise SpecError.of(
            [Mistake(where=f"--set {key}".strip(), found=str(words.get(key)), allowed=msg) for key, msg in said]
        ) from None

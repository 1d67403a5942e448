"""`evaluation`, `audit`, `gates`, `registry` and `tracking` of a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from assay.errors import did_you_mean
from assay.spec.words import Named, Slip, Words, Wrong, rising

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NAME_IN_WORDS = "a letter or digit, then letters, digits, . _ or -, up to 100"
MOST_NUMBERS = 20  # different ones, that are groups without being cut
SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks")
ALIAS = r"^[a-z][a-z0-9_-]{0,49}$"

# The parts of `audit` that say nothing of data or groups.
_OF_MODELS = (
    "slices", "profiles", "waivers", "documents", "seeds", "conformal", "explain", "flip", "membership",
)  # fmt: skip

CROSS = " × "
"""Between the columns, and the groups, of a crossing."""


class EvaluationSpec(Words):
    """How the model is measured. Threshold and temperature are chosen on the valid fold, never on test."""

    threshold: Literal["accuracy", "balanced_accuracy", "f1", "youden"] | float = "accuracy"
    calibrate: Literal["temperature", "none"] = "temperature"
    level: float = Field(default=0.95, gt=0.5, lt=1)
    n_bootstrap: int = Field(default=1000, ge=100, le=100_000)
    quantiles: tuple[float, ...] = Field(default=(0.1, 0.5, 0.9), description="of the pinball loss, in regression")

    @model_validator(mode="after")
    def _shares(self) -> Self:
        fixed = None if isinstance(self.threshold, str) else self.threshold
        words = "accuracy, balanced_accuracy, f1, youden, or a probability from 0 to 1"
        Wrong.when(
            Slip("threshold", words) if fixed is not None and not 0 <= fixed <= 1 else None,
            *(
                Slip(f"quantiles.{position}", "a number above 0 and below 1")
                for position, quantile in enumerate(self.quantiles)
                if not 0 < quantile < 1
            ),
        )
        return self


class SensitiveSpec(Words):
    """A sensitive column. A numeric one of more than 20 values is cut at `edges` into groups."""

    column: str
    edges: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        Wrong.when(None if rising(self.edges) else Slip("edges", "numbers, each above the one before, e.g. [30, 50]"))
        return self


class DataAuditSpec(Words):
    """What is looked for in the data before anything is trained, and what ends the run.

    A check without a bound only measures. `reference` gives, per sensitive feature or crossing (`sex × race`), the
    share of each group among the people whom the model is for.
    """

    reference: dict[str, dict[str, float]] = Field(default_factory=dict)
    max_share_gap: float | None = Field(default=None, gt=0, lt=1, description="between a share and its reference")
    max_label_gap: float | None = Field(
        default=None, gt=0, lt=1, description="of positive labels, a group and the rest"
    )
    strata: str | None = Field(default=None, description="the column within whose values label bias is looked at again")
    max_proxy_auc: float | None = Field(default=None, gt=0.5, lt=1, description="of predicting a group from features")
    quasi_identifiers: tuple[str, ...] = Field(default=(), description="columns that together may single people out")
    min_k: int | None = Field(default=None, ge=2, description="rows that share the same quasi-identifiers")
    min_l: int | None = Field(default=None, ge=2, description="different targets among rows that share them")
    max_duplicates: float | None = Field(default=None, ge=0, lt=1, description="share of a fold that stands in another")
    assumed_rate: float | None = Field(
        default=None, gt=0, lt=1, description="of every metric, to say how many rows it takes"
    )
    stop_on: tuple[Literal["FAIL", "INCONCLUSIVE"], ...] = ("FAIL",)

    @model_validator(mode="after")
    def _is_meaningful(self) -> Self:
        for feature, shares in self.reference.items():
            if min(shares.values(), default=-1) < 0 or abs(sum(shares.values()) - 1) > 0.01:
                raise ValueError(f"the shares of `reference.{feature}` add up to 1, and none is negative")
        if (self.min_k or self.min_l) and not self.quasi_identifiers:
            raise ValueError("`min_k` and `min_l` are of `quasi_identifiers`; name those columns")
        return self


class SlicesSpec(Words):
    """The search for groups that nobody listed: one half of the fold suggests, the other confirms."""

    min_rows: int = Field(default=50, ge=10, description="of a slice, in each half")
    false_discovery: float = Field(default=0.1, gt=0, lt=1, description="expected share of false suggestions")


class ExplainSpec(Words):
    """Why the model predicts what it does: over how many rows, whose decisions are told with reasons, what may change.

    `codes` gives a column the text that a person is sent for it; without one it is the column's name.
    """

    rows: int = Field(default=1000, ge=50, le=100_000, description="of the audited fold, drawn by their content")
    adverse: str | None = Field(default=None, description="the class that is told with reasons and ways out of it")
    n_reasons: int = Field(default=4, ge=1, le=10)
    codes: dict[str, str] = Field(default_factory=dict, description="texts by column")
    mutable: dict[str, Literal["up", "down", "any"]] = Field(
        default_factory=dict, description="columns that a person can change, and which way"
    )
    proxy_auc: float = Field(
        default=0.75, gt=0.5, lt=1, description="from which on a column that tells a group by itself is flagged"
    )


class MembershipSpec(Words):
    """An attack that asks who was in the training rows, with models trained on halves of all rows."""

    shadows: int = Field(default=16, ge=4, le=256, description="further trainings")
    fpr: float = Field(default=0.01, gt=0, lt=0.5, description="of others taken for training rows")


class AuditSpec(Words):
    """For whom the model works: the sensitive columns, their crossings, and who is too few to be judged alone."""

    sensitive: tuple[str | SensitiveSpec, ...] = ()
    crossings: tuple[tuple[str, ...], ...] = ()
    fold: Literal["test", "audit"] = "test"
    min_share: float = Field(default=0.02, ge=0, lt=1, description="smaller groups can fail a gate, never pass it")
    data: DataAuditSpec | None = Field(default=None, description="the audit of the data, before training")
    profiles: tuple[str, ...] = Field(default=(), description="laws and standards: their names, or YAML files of yours")
    waivers: str | None = Field(default=None, description="a YAML file with a list of waivers")
    documents: dict[str, str] = Field(default_factory=dict, description="what people say in the documents, by field")
    seeds: int = Field(default=0, ge=0, le=50, description="further trainings with other seeds, to see who is fickle")
    conformal: float | None = Field(default=None, gt=0.5, lt=1, description="the coverage that sets of classes promise")
    slices: SlicesSpec | None = Field(default=None, description="the search for groups that nobody listed")
    explain: ExplainSpec | None = Field(default=None, description="why it predicts what it does")
    flip: bool = Field(default=False, description="predict again with every other value of each sensitive column")
    membership: MembershipSpec | None = Field(default=None, description="who was in the training rows")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the sensitive columns."""
        return tuple(entry if isinstance(entry, str) else entry.column for entry in self.sensitive)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        columns = self.columns
        Wrong.when(
            *(
                Slip(f"sensitive.{position}", "each column once", f"{name!r} a second time")
                for position, name in enumerate(columns)
                if name in columns[:position]
            ),
            *self._wrong_crossings(),
        )
        return self

    def _wrong_crossings(self) -> Iterator[Slip]:
        for position, crossing in enumerate(self.crossings):
            where = f"crossings.{position}"
            if len(set(crossing)) < 2:
                yield Slip(where, "two different columns or more of `audit.sensitive`")
            elif crossing in self.crossings[:position]:
                yield Slip(where, "each crossing once")
            for name in dict.fromkeys(crossing):
                if name not in self.columns:
                    known = ", ".join(self.columns) or "none: `audit.sensitive` is empty"
                    yield Slip(where, known, f"{name!r} is not in `audit.sensitive`", did_you_mean(name, self.columns))

    @property
    def features(self) -> tuple[str, ...]:
        """The sensitive columns and crossings, as the audit names them."""
        return (*self.columns, *(CROSS.join(crossing) for crossing in self.crossings))

    @property
    def of_data(self) -> AuditSpec:
        """What the audit of the data depends on."""
        return self._without(*_OF_MODELS)

    @property
    def of_groups(self) -> AuditSpec:
        """What the audit of groups depends on, and nothing that is said of other audits."""
        return self._without("data", *_OF_MODELS)

    def _without(self, *parts: str) -> AuditSpec:
        return self.model_copy(
            update={part: type(self).model_fields[part].get_default(call_default_factory=True) for part in parts}
        )


class MitigateSpec(Named):
    """A method that makes gaps between groups smaller, and its options beside its name.

    Groups are those of a column of `audit.sensitive`, or of several crossed. `before` also trains the same spec without
    this, so that the report can show both.
    """

    method: str
    sensitive: tuple[str, ...] = Field(min_length=1)
    before: bool = True


class GateSpec(Named):
    """A gate and its options."""

    gate: str


class RegistrySpec(Words):
    """Where a model is registered. `name` is the spec's own where it is null."""

    name: str | None = Field(default=None, pattern=NAME, description=NAME_IN_WORDS)
    alias: str = Field(
        default="champion", pattern=ALIAS, description="a small letter, then small letters, digits, _ or -, up to 50"
    )
    promote_inconclusive: bool = False
    sign_off: bool = Field(default=False, description="a decision to promote waits for `assay promote` by a person")

    @model_validator(mode="after")
    def _alias_is_free(self) -> Self:
        if self.alias == "latest" or re.fullmatch(r"v\d+", self.alias):
            raise Wrong(Slip("alias", "a word of your own; MLflow keeps `latest` and `v1`, `v2`, ... for itself"))
        return self


class TrackingSpec(Words):
    """Where runs are logged. `uri` is the server of `assay up`, or this folder's own store, where it is null."""

    experiment: str | None = None
    uri: str | None = None
    system_metrics_every_s: float = Field(default=5.0, gt=0)

    @field_validator("uri")
    @classmethod
    def _has_a_known_scheme(cls, uri: str | None) -> str | None:
        scheme, mark, _ = (uri or "").partition("://")
        if mark and scheme.partition("+")[0] not in SCHEMES:
            raise Wrong(Slip("", f"a folder, or one of {', '.join(f'{name}://' for name in SCHEMES)}"))
        return uri

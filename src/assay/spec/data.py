"""`data`, `target`, `features`, `split` and `validation` of a spec."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from assay.artifacts import Severity
from assay.spec.words import Named, Words


class DataSpec(Named):
    """Where the rows come from: a source and its options (for `file`: `path`)."""

    source: str = "file"


class TargetSpec(Words):
    """The column to predict, or just its name. `positive` is a class; `log` fits log(1 + y)."""

    column: str
    positive: str | None = None
    log: bool = False

    @model_validator(mode="before")
    @classmethod
    def _just_the_column(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value


class FeaturesSpec(Words):
    """Which columns the model sees: all but the target, the split column, sensitive ones and those excluded."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    use_sensitive: tuple[str, ...] = Field(
        default=(), description="Sensitive columns that the model may see as well as the audit."
    )


class SplitSpec(Named):
    """How rows are put into folds: a splitter (`column`, `random`, `time`, `group`, `files`) and its options."""

    by: str = "random"


ExpectationType = Literal[
    "type", "not_null", "between", "in_set", "regex", "unique", "row_count", "distribution", "columns"
]


class ExpectationSpec(Words):
    """One expectation of the data.

    `type` wants `is`; `between` and `row_count` want `min` and/or `max`; `in_set` and `columns` want `values`; `regex`
    wants `pattern`; `distribution` wants `reference` (shares of levels, or quantile edges with equal shares) and `max`,
    the largest distance allowed. `mostly` is the share of rows that must agree.
    """

    type: ExpectationType
    column: str | None = None
    severity: Severity = "fail"
    mostly: float = Field(default=1.0, gt=0, le=1)
    min: float | None = None
    max: float | None = None
    values: tuple[str | float | bool, ...] | None = None
    pattern: str | None = None
    is_: Literal["number", "integer", "string", "boolean", "datetime"] | None = Field(default=None, alias="is")
    reference: dict[str, float] | tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Self:
        needs: dict[str, tuple[str, Any]] = {
            "type": ("is", self.is_),
            "in_set": ("values", self.values),
            "columns": ("values", self.values),
            "regex": ("pattern", self.pattern),
            "distribution": ("reference", self.reference),
        }
        word, value = needs.get(self.type, ("", 0))
        if value is None:
            raise ValueError(f"an expectation of type {self.type!r} needs `{word}`")
        if self.type in ("between", "row_count") and self.min is None and self.max is None:
            raise ValueError(f"an expectation of type {self.type!r} needs `min` or `max`")
        if self.column is None and self.type not in ("row_count", "columns"):
            raise ValueError(f"an expectation of type {self.type!r} needs `column`")
        return self


class ValidationSpec(Words):
    """What must be true of the data before anything is trained."""

    expectations: tuple[ExpectationSpec, ...] = ()

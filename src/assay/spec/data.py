"""`data`, `target`, `features`, `split` and `validation` of a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from assay.artifacts import Severity
from assay.spec.words import Named, Slip, Words, Wrong, rising


class DataSpec(Named):
    """Where the rows come from: a source and its options (for `file`: `path`)."""

    source: str = "file"


class TargetSpec(Words):
    """The column to predict, or just its name. `positive` is a class; `log` fits log(1 + y)."""

    SHORT: ClassVar[bool] = True

    column: str
    positive: str | None = None
    log: bool = False

    @model_validator(mode="before")
    @classmethod
    def _just_the_column(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """Classes are text: `positive: 1` and `positive: true` are written as the data write them."""
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.17g}" if isinstance(value, int | float) else value


class FeaturesSpec(Words):
    """Which columns the model sees: all but the target, the split column, sensitive ones and those excluded."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    use_sensitive: tuple[str, ...] = Field(
        default=(), description="Sensitive columns that the model may see as well as the audit."
    )

    @model_validator(mode="after")
    def _some_are_left(self) -> Self:
        Wrong.when(
            Slip("include", "at least one column, or null for all") if self.include == () else None,
            *(
                Slip(f"include.{position}", "columns that `exclude` does not name", f"{name!r} is excluded as well")
                for position, name in enumerate(self.include or ())
                if name in self.exclude
            ),
        )
        return self


class SplitSpec(Named):
    """How rows are put into folds: a splitter (`column`, `random`, `time`, `group`, `files`) and its options."""

    by: str = "random"


# The keys that each type of expectation needs and may have, beside those that every type has.
OF_TYPE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "type": (("column", "is"), ()),
    "not_null": (("column",), ("mostly",)),
    "between": (("column",), ("min", "max", "mostly")),
    "in_set": (("column", "values"), ("mostly",)),
    "regex": (("column", "pattern"), ("mostly",)),
    "unique": (("column",), ("mostly",)),
    "row_count": ((), ("min", "max")),
    "distribution": (("column", "reference"), ("max",)),
    "columns": (("values",), ()),
}
BOUNDED = ("between", "row_count")
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
    def _fits_its_type(self) -> Self:
        needed, possible = OF_TYPE[self.type]
        useless = [key for key in self._written() if key not in (*needed, *possible)]
        said = ", ".join((*needed, *possible))
        absent = [key for key in needed if getattr(self, "is_" if key == "is" else key) is None]
        unbounded = self.type in BOUNDED and self.min is None and self.max is None
        Wrong.when(
            *(Slip(key, f"for the type {self.type!r}: {said}", f"{key!r}, which it has no use for") for key in useless),
            *(Slip("", f"an expectation of type {self.type!r} with {key!r}", f"no {key!r}") for key in absent),
            Slip("", f"an expectation of type {self.type!r} with 'min' or 'max'", "neither of them")
            if unbounded
            else None,
            *self._wrong_values(),
        )
        return self

    def _written(self) -> list[str]:
        """The keys that say something, beside those that every type has."""
        fields = {field.alias or name: (field, getattr(self, name)) for name, field in type(self).model_fields.items()}
        always = ("type", "severity")
        return [key for key, (field, value) in fields.items() if key not in always and value != field.default]

    def _wrong_values(self) -> Iterator[Slip]:
        low, high = self.min, self.max
        if low is not None and high is not None and low > high:
            yield Slip("max", f"`min` ({low:g}) or more")
        if self.type == "row_count":
            yield from (
                Slip(key, "a whole number, 0 or more")
                for key, bound in (("min", low), ("max", high))
                if bound is not None and (bound < 0 or bound != int(bound))
            )
        if self.type == "distribution" and high is not None and high <= 0:
            yield Slip("max", "a distance above 0")
        if self.values == ():
            yield Slip("values", "at least one value")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as problem:
                yield Slip("pattern", f"a regular expression ({problem})")
        if isinstance(self.reference, dict):
            shares = self.reference.values()
            if not 0.99 <= sum(shares) <= 1.01 or min(shares) < 0:
                yield Slip("reference", f"shares, none negative, that add up to 1 (these add up to {sum(shares):g})")
        elif self.reference is not None and (len(self.reference) < 2 or not rising(self.reference)):
            yield Slip("reference", "two edges or more, each above the one before")


class ValidationSpec(Words):
    """What must be true of the data before anything is trained."""

    expectations: tuple[ExpectationSpec, ...] = ()

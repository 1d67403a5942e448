"""`preprocessing` of a spec: how raw columns become numbers and codes. Everything here is fitted on train rows."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from assay.spec.words import Slip, Words, Wrong, rising

Impute = Literal["median", "mean", "mode", "constant"]
Scale = Literal["standard", "robust", "minmax", "quantile", "none"]
Encode = Literal["onehot", "embedding"]
DatePart = Literal["year", "month", "day", "weekday", "hour", "minute", "dayofyear", "elapsed_days"]


def quantile_pair(clip: tuple[float, float] | None) -> tuple[float, float] | None:
    """`clip`, when it is two quantiles in order. Raises Wrong."""
    if clip is not None and not 0 <= clip[0] < clip[1] <= 1:
        raise Wrong(Slip("", "two quantiles, 0 <= low < high <= 1, e.g. [0.01, 0.99]"))
    return clip


class NumericSpec(Words):
    """Numbers. `clip` are two quantiles of the train rows; `indicator` adds a 0/1 feature where values are missing."""

    impute: Impute = "median"
    fill: float = Field(default=0.0, description="the value of `impute: constant`")
    indicator: bool = True
    log: bool = Field(default=False, description="sign(x) * log(1 + |x|) before scaling")
    clip: tuple[float, float] | None = None
    scale: Scale = "quantile"

    @field_validator("clip")
    @classmethod
    def _two_quantiles(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        return quantile_pair(clip)


class CategoricalSpec(Words):
    """Categories. Levels seen fewer than `min_count` times, and those beyond `max_levels`, are `rare`."""

    encode: Encode = "onehot"
    min_count: int = Field(default=10, ge=1)
    max_levels: int = Field(default=1000, ge=1, le=30000)


class DatetimeSpec(Words):
    """Dates and times: the parts that become features."""

    parts: tuple[DatePart, ...] = ("year", "month", "day", "weekday", "hour", "elapsed_days")


class ColumnSpec(Words):
    """What one column does differently from its kind's rule. `kind` overrides the type found in the data."""

    kind: Literal["numeric", "categorical", "datetime"] | None = None
    impute: Impute | None = None
    fill: float | None = None
    indicator: bool | None = None
    log: bool | None = None
    clip: tuple[float, float] | None = None
    scale: Scale | None = None
    encode: Encode | None = None
    min_count: int | None = Field(default=None, ge=1)
    max_levels: int | None = Field(default=None, ge=1, le=30000)
    parts: tuple[DatePart, ...] | None = None

    @field_validator("clip")
    @classmethod
    def _two_quantiles(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        return quantile_pair(clip)


class BinsSpec(Words):
    """Bins of a numeric column: `edges`, or `n` bins with equally many train rows. They are a category."""

    column: str
    edges: tuple[float, ...] | None = None
    n: int | None = Field(default=None, ge=2, le=1000)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        Wrong.when(
            Slip("", "either `edges` or `n`") if (self.edges is None) == (self.n is None) else None,
            None if rising(self.edges) else Slip("edges", "numbers, each above the one before"),
        )
        return self


class CreateSpec(Words):
    """One feature made from raw columns: `ratio: [a, b]` (a / b), `product: [a, b]`, or `bins`."""

    name: str
    ratio: tuple[str, str] | None = None
    product: tuple[str, str] | None = None
    bins: BinsSpec | None = None

    @model_validator(mode="after")
    def _one_recipe(self) -> Self:
        if sum(recipe is not None for recipe in (self.ratio, self.product, self.bins)) != 1:
            raise Wrong(Slip("", "exactly one of `ratio`, `product`, `bins`"))
        return self


class SelectSpec(Words):
    """Which features are kept, judged on train rows. Each rule is off where it is null.

    `min_variance` is that of a number before scaling, and of a category's one-hot columns together (1 - sum of squared
    shares). Of numeric features whose correlation is above `max_correlation` the later one goes. What is left is
    ranked by mutual information with the target, and the `top_mutual_information` first stay.
    """

    min_variance: float | None = Field(default=None, ge=0)
    top_mutual_information: int | None = Field(default=None, ge=1)
    max_correlation: float | None = Field(default=None, gt=0, le=1)


class PcaSpec(Words):
    """Principal components in place of the numeric features: how many, or the share of variance to keep."""

    n_components: int | float = Field(description="a count from 1 on, or a share of the variance below 1, e.g. 0.95")

    @model_validator(mode="after")
    def _count_or_share(self) -> Self:
        n = self.n_components
        if n <= 0 or (n > 1 and n != int(n)):
            raise Wrong(Slip("n_components"))
        return self


class PreprocessingSpec(Words):
    """How raw columns become numbers and codes."""

    numeric: NumericSpec = NumericSpec()
    categorical: CategoricalSpec = CategoricalSpec()
    datetime: DatetimeSpec = DatetimeSpec()
    columns: dict[str, ColumnSpec] = Field(default_factory=dict)
    create: tuple[CreateSpec, ...] = ()
    select: SelectSpec = SelectSpec()
    pca: PcaSpec | None = None

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


class ImageSpec(Words):
    """A column of PNG, JPEG or WebP files, as bytes.

    Without `size` all must have the same. With it, `crop` scales the shorter side and cuts the middle out, `stretch`
    scales both. `channels` null: 1 where all train images are grey, else 3.
    """

    column: str
    size: int | tuple[int, int] | None = Field(default=None, description="height and width in pixels")
    resize: Literal["crop", "stretch"] = "crop"
    channels: Literal[1, 3] | None = None

    @model_validator(mode="after")
    def _sensible_size(self) -> Self:
        sides = self.size if isinstance(self.size, tuple) else (self.size or 1,)
        if min(sides) < 1 or max(sides) > 4096:
            raise ValueError("`size` is between 1 and 4096 pixels")
        return self


class TextSpec(Words):
    """A column of texts, cut into tokens of a vocabulary that the train rows make.

    `word` takes words as they stand, those seen fewer than `min_count` times are unknown; `bpe` builds words from
    frequent pieces (Sennrich et al. 2016) and knows every text. `minilm` learns nothing: it is the vocabulary that the
    weights of all-MiniLM-L6-v2 know. Longer texts are cut at `length` tokens.
    """

    column: str
    tokens: Literal["word", "bpe", "minilm"] = "word"
    vocabulary: int = Field(default=20_000, ge=300, le=1_000_000, description="tokens at most")
    min_count: int = Field(default=2, ge=1)
    lowercase: bool = True
    length: int = Field(default=256, ge=1, le=65_536, description="tokens at most")
    empty: Literal["error", "unknown"] = Field(default="error", description="what a missing or empty text is")


class SeriesSpec(Words):
    """A column of number series: lists, or lists of lists (`channels_first`: one per channel; else one per step).

    Longer series than `length` steps are cut; null: that of the longest train series.
    """

    column: str
    layout: Literal["channels_first", "steps_first"] = "channels_first"
    length: int | None = Field(default=None, ge=1, le=1_000_000)
    scale: Literal["standard", "none"] = "standard"


class PreprocessingSpec(Words):
    """How raw columns become numbers and codes, and which one is an image, a text or a series."""

    image: ImageSpec | None = None
    text: TextSpec | None = None
    series: SeriesSpec | None = None

    numeric: NumericSpec = NumericSpec()
    categorical: CategoricalSpec = CategoricalSpec()
    datetime: DatetimeSpec = DatetimeSpec()
    columns: dict[str, ColumnSpec] = Field(default_factory=dict)
    create: tuple[CreateSpec, ...] = ()
    select: SelectSpec = SelectSpec()
    pca: PcaSpec | None = None

    @property
    def signal(self) -> ImageSpec | TextSpec | SeriesSpec | None:
        """The rule for the column that is no table cell, where there is one."""
        return self.image or self.text or self.series

    @property
    def kind_of_input(self) -> Literal["table", "image", "text", "series"]:
        """What a model gets: a table, or one of these beside it."""
        return "image" if self.image else "text" if self.text else "series" if self.series else "table"

    @model_validator(mode="after")
    def _one_signal(self) -> Self:
        if sum(rule is not None for rule in (self.image, self.text, self.series)) > 1:
            raise ValueError("one of `image`, `text` and `series` at most: a model sees one of them beside the table")
        return self

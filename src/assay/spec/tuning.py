"""`tune` of a spec: the space, who proposes, who stops early, and when it is enough."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from assay.spec.words import Named, Words

KINDS = ("uniform", "log_uniform", "int", "log_int", "choice")


class ParameterSpec(Words):
    """One parameter: `uniform`, `log_uniform`, `int` or `log_int` with [low, high], or `choice` with its values.

    `step` is of `uniform` and `int`. With `when` it is there only in trials in which other parameters of the space have
    the values named: `when: {training.optimizer: sgd}`, or one of several: `when: {model.family: [mlp, resnet]}`.
    """

    uniform: tuple[float, float] | None = None
    log_uniform: tuple[float, float] | None = None
    int_: tuple[int, int] | None = Field(default=None, alias="int")
    log_int: tuple[int, int] | None = None
    choice: tuple[Any, ...] | None = Field(default=None, min_length=1)
    step: float | None = Field(default=None, gt=0)
    when: dict[str, Any] = Field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Which of the five it is."""
        return next(kind for kind in KINDS if self._of(kind) is not None)

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of a range."""
        found: tuple[float, float] = self._of(self.kind)
        return found

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that are to be checked: both ends of a range, or all there is to choose from."""
        return self.choice if self.choice is not None else self.bounds

    def _of(self, kind: str) -> Any:
        return self.int_ if kind == "int" else getattr(self, kind)

    @model_validator(mode="after")
    def _is_one_range(self) -> Self:
        given = [kind for kind in KINDS if self._of(kind) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)}")
        kind = given[0]
        if self.step is not None and kind not in ("uniform", "int"):
            raise ValueError("`step` beside `uniform` or `int` alone")
        if kind == "int" and self.step is not None and self.step != int(self.step):
            raise ValueError("a whole number as the `step` of `int`")
        if kind != "choice":
            low, high = self.bounds
            if low >= high:
                raise ValueError(f"a range that is not empty: {kind}: [low, high] with low < high")
            if kind.startswith("log") and low <= 0:
                raise ValueError(f"numbers above 0 in `{kind}`")
        return self


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class AlgorithmSpec(Named):
    """Who proposes the values of the next trial: an algorithm and its options, or just its name."""

    name: str = "bayesian"


class SchedulerSpec(Named):
    """Who ends trials early, or moves weights between them: a scheduler and its options, or just its name."""

    name: str


class ObjectiveSpec(Words):
    """One number of a trial: a metric of the valid fold, or the largest `disparity` between groups of `sensitive`.

    `metric` may also be `n_parameters`, or `latency_ms`, the median time of one row.
    """

    metric: str | None = None
    disparity: str | None = None
    sensitive: str | None = None

    @property
    def name(self) -> str:
        """What the number is called."""
        return self.metric or f"disparity/{self.sensitive}/{self.disparity}"

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.metric is None) == (self.disparity is None):
            raise ValueError("either `metric`, or `disparity` with `sensitive`")
        if (self.disparity is None) != (self.sensitive is None):
            raise ValueError("`disparity` (a rate of the audit) and `sensitive` (a sensitive column) together")
        return self


class ConstraintSpec(ObjectiveSpec):
    """A bound that the winner has to keep on the valid fold."""

    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _is_a_bound(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("exactly one of `at_most`, `at_least`")
        return self

    def excess(self, value: float) -> float:
        """By how much `value` breaks the bound; 0 or less where it keeps it."""
        return value - self.at_most if self.at_most is not None else float(self.at_least or 0.0) - value


class CrossValidationSpec(Words):
    """Each trial is trained `folds` x `repeats` times on the train and valid rows together; its score is the mean."""

    folds: int = Field(default=5, ge=2, le=50)
    repeats: int = Field(default=1, ge=1, le=20)


class CostSpec(Words):
    """What a device costs: `watts` of one busy device, `per_hour` its price in `currency`."""

    watts: float | None = Field(default=None, gt=0)
    per_hour: float | None = Field(default=None, gt=0)
    currency: str = "EUR"


class RefitSpec(Words):
    """What the winner is trained on in the end: `train` rows as in its trial, or `train+valid`.

    Then `keep_frac` of the valid rows, drawn at random, are still held out, for early stopping, threshold and
    calibration.
    """

    on: Literal["train", "train+valid"] = "train"
    keep_frac: float = Field(default=0.3, gt=0, lt=1)


def _on(value: Any) -> Any:
    return {"on": value} if isinstance(value, str) else value


class TuneSpec(Words):
    """A search: many trainings, of which the best on valid rows is the one that goes on.

    A trial is what the spec says with some values replaced. The budget is used up when there are as many `trials`, when
    `max_epochs` epochs have been trained in all, or after `max_seconds`. `workers` are trials at once: 0 is this
    process, null one per CPU; each takes `cpus` and `gpus` (fractions are allowed).
    """

    space: dict[str, ParameterSpec] = Field(min_length=1)
    metric: str = Field(default="loss", description="of the valid fold")
    objectives: tuple[ObjectiveSpec, ...] = Field(default=(), description="further ones, for a Pareto front")
    subject_to: tuple[ConstraintSpec, ...] = ()
    algorithm: Annotated[AlgorithmSpec, BeforeValidator(_named)] = AlgorithmSpec()
    scheduler: Annotated[SchedulerSpec, BeforeValidator(_named)] | None = None
    trials: int = Field(default=20, ge=1, le=100_000)
    max_epochs: int | None = Field(default=None, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    cross_validation: CrossValidationSpec | None = None
    refit: Annotated[RefitSpec, BeforeValidator(_on)] = RefitSpec()
    workers: int | None = Field(default=None, ge=0, le=10_000)
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    cost: CostSpec = CostSpec()

    @property
    def measures_disparity(self) -> bool:
        """True when trials are audited on the valid fold."""
        return any(each.disparity is not None for each in (*self.objectives, *self.subject_to))

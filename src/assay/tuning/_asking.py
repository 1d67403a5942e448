"""What algorithms and schedulers are told, and what they answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.artifacts import Trial
from assay.spec.tuning import ConstraintSpec

if TYPE_CHECKING:
    import numpy as np

    from assay.tuning._space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The search as it stands, for whoever is to say what comes next.

    `number` is that of the trial that is asked for. Each trial has `n_epochs` to go at most. `objectives` are the names
    of all that is to be good, the metric first, each with whether greater is better.
    """

    space: Space
    trials: tuple[Trial, ...]
    number: int
    n_trials: int
    n_epochs: int
    seed: int
    objectives: tuple[tuple[str, bool], ...]
    bounds: tuple[ConstraintSpec, ...] = ()

    @property
    def rises(self) -> bool:
        """Whether greater is better in the metric."""
        return self.objectives[0][1]

    def random(self, *parts: int) -> np.random.Generator:
        """Random numbers that hang on the seed and the number asked for alone, not on who was asked before."""
        import numpy as np

        return np.random.default_rng([self.seed, self.number, *parts])

    def good(self, value: float | None) -> float:
        """`value` of the metric turned so that greater is better; nothing is worst."""
        if value is None or math.isnan(value):
            return -math.inf
        return value if self.rises else -value

    def worth(self, trial: Trial) -> float:
        """How good a trial is, greater being better: trained, or else with shared weights; too large is worst."""
        sizes = [bound for bound in self.bounds if bound.name == "n_parameters"]
        if any(bound.excess(trial.n_parameters) > 0 for bound in sizes):
            return -math.inf
        return self.good(trial.screened if trial.score is None else trial.score)

    def losses(self, trial: Trial) -> tuple[float, ...] | None:
        """All objectives of a trial turned so that less is better, or None where one has not been measured."""
        known = dict(trial.measures) | ({self.objectives[0][0]: trial.score} if trial.score is not None else {})
        if any(name not in known for name, _ in self.objectives):
            return None
        return tuple(-known[name] if rises else known[name] for name, rises in self.objectives)


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Train a paused trial on until `until` epochs; from the weights of the trial `source` and with other `values`."""

    number: int
    until: int
    source: int | None = None
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End a paused trial."""

    number: int
    reason: str

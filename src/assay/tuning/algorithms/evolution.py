"""A cloud of points that moves and stretches towards what is good: CMA-ES (Hansen & Ostermeier 2001), by cmaes.

Generations are proposed and told whole, so the state is nothing but the trials, told again in order. Parameters are
places between 0 and 1; of a choice that is its place in the list, so the list should be in some order. Those of
conditions are moved too while they are not there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cmaes import CMA
from pydantic import Field

from assay.artifacts import Trial
from assay.spec.words import Words
from assay.tuning._asking import Asking
from assay.tuning._space import at, draw

DONE = ("done", "stopped", "failed", "paused")


class Config(Words):
    """Options of `evolution`."""

    sigma: float = Field(default=0.3, gt=0, le=1, description="the first spread, as a share of each range")
    population: int | None = Field(default=None, ge=4, le=10_000, description="null: 4 + 3 log(parameters)")


def suggest(config: Config, asking: Asking) -> dict[str, Any] | None:
    """The next point of the generation, or None while trials of the one before are running."""
    names = list(asking.space)
    if len(names) == 1:
        names.append("")  # cmaes wants two dimensions
    cloud = CMA(
        mean=np.full(len(names), 0.5),
        sigma=config.sigma,
        bounds=np.tile([0.0, 1.0], (len(names), 1)),
        seed=asking.seed,
        population_size=config.population or max(4, 4 + int(3 * math.log(len(names)))),
    )
    generation, place = divmod(asking.number, cloud.population_size)
    for g in range(generation):
        drawn = [cloud.ask() for _ in range(cloud.population_size)]
        told = asking.trials[g * cloud.population_size : (g + 1) * cloud.population_size]
        if any(trial.state not in DONE for trial in told):
            return None
        cloud.tell(list(zip(drawn, _losses(asking, told), strict=True)))
    for _ in range(place):
        cloud.ask()
    point = dict(zip(names, cloud.ask(), strict=True))
    return draw(asking.space, lambda name, parameter: at(parameter, float(point[name])))


def _losses(asking: Asking, trials: tuple[Trial, ...]) -> list[float]:
    """What is to be small; a trial that failed is as bad as the worst of its generation."""
    known = [-asking.good(trial.score) for trial in trials]
    worst = max((loss for loss in known if math.isfinite(loss)), default=0.0)
    return [loss if math.isfinite(loss) else worst for loss in known]

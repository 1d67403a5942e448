"""Regularised evolution of architectures (Real et al. 2019): the best of a few recent trials, with one thing changed.

The oldest die, however good, so a lucky measurement does not breed for ever. Any space will do; discrete ones are what
it was made for: `model.family`, `model.depth`, whole blocks of `model` as the values of one choice.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pydantic import Field

from assay.artifacts import Trial
from assay.spec.space import active
from assay.spec.tuning import ParameterSpec
from assay.spec.words import Words
from assay.tuning._asking import Asking
from assay.tuning._space import at, draw, levels, unit

REACH = 0.2  # of a step in a range, as a share of it


class Config(Words):
    """Options of `nas`."""

    population: int = Field(default=12, ge=2, description="how many of the last trials may have children")
    sample: int = Field(default=4, ge=1, description="of these, how many compete to be the parent")


def suggest(config: Config, asking: Asking) -> dict[str, Any]:
    """A child of the best of a sample, or a random trial while there is no population."""
    random = asking.random()
    scored = [trial for trial in asking.trials if math.isfinite(asking.worth(trial)) and trial.state != "failed"]
    if asking.number < config.population or not scored:
        return draw(asking.space, lambda _, parameter: at(parameter, float(random.random())))
    alive = scored[-config.population :]
    sample = random.choice(len(alive), size=min(config.sample, len(alive)), replace=False)
    parent = max((alive[i] for i in sorted(sample)), key=lambda trial: (asking.worth(trial), -trial.number))
    return _child(parent, asking, random)


def _child(parent: Trial, asking: Asking, random: np.random.Generator) -> dict[str, Any]:
    """The parent's values with one changed; what depends on it and was not there before is drawn anew."""
    settings = parent.settings
    names = [name for name in asking.space if active(asking.space, name, settings) and not _fixed(asking.space[name])]
    changed = names[int(random.integers(len(names)))] if names else ""

    def pick(name: str, parameter: ParameterSpec) -> Any:
        if name == changed:
            return _other(parameter, settings[name], random)
        return settings[name] if name in settings else at(parameter, float(random.random()))

    return draw(asking.space, pick)


def _fixed(parameter: ParameterSpec) -> bool:
    known = levels(parameter)
    return known is not None and len(known) == 1


def _other(parameter: ParameterSpec, value: Any, random: np.random.Generator) -> Any:
    """Another level, any of a choice and a neighbour of a number; in a range, a step to either side."""
    known = levels(parameter)
    if known is None or parameter.kind == "log_int":
        moved = unit(parameter, value) + random.normal(0.0, REACH)
        return at(parameter, float(min(max(moved, 0.0), 1.0)))
    index = known.index(value)
    if parameter.choice is not None:
        others = [i for i in range(len(known)) if i != index]
    else:
        others = [i for i in (index - 1, index + 1) if 0 <= i < len(known)]
    return known[others[int(random.integers(len(others)))]]

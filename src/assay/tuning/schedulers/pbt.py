"""The worst take over the weights of the best, and values near theirs (population-based, Jaderberg et al. 2017).

All trials of the search are one population. It is compared whole, every few epochs, so what comes of it does not hang
on which worker was faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from assay.artifacts import Trial
from assay.errors import Mistake
from assay.spec import Spec
from assay.spec.tuning import ParameterSpec
from assay.spec.words import Words
from assay.tuning._asking import Asking, Go
from assay.tuning._space import at, levels, unit

POPULATION = True
# What a training can change half way: the network, its rows and its optimiser's state have to stay what they are.
FIXED = ("training.epochs", "training.optimizer", "training.early_stopping", "training.ema", "training.schedule")


class Config(Words):
    """Options of `pbt`."""

    every: int = Field(default=2, ge=1, description="epochs between two looks at the population")
    replace: float = Field(default=0.25, gt=0, le=0.5, description="the share that takes over the weights of the best")
    resample: float = Field(default=0.25, ge=0, le=1, description="chance that a value is drawn anew, not changed")
    factor: float = Field(default=1.2, gt=1, description="by which a value is multiplied or divided")


def mistakes(config: Config, spec: Spec) -> list[Mistake]:
    """Parameters that cannot change half way through a training, and a population of one."""
    assert spec.tune is not None
    found = [
        Mistake(
            where=f"tune.space.{name}",
            found=f"{name!r} cannot change while a training goes on",
            allowed="with `pbt`: numbers under `training`, such as training.lr, training.weight_decay",
        )
        for name in spec.tune.space
        if not name.startswith("training.") or name.startswith(FIXED)
    ]
    if spec.tune.trials < 2:
        found.append(Mistake(where="tune.trials", found="a population of one", allowed="2 or more with `pbt`"))
    if spec.tune.cross_validation is not None:
        found.append(Mistake(where="tune.cross_validation", found="several trainings", allowed="none with `pbt`"))
    return found


def first(config: Config, asking: Asking) -> int:
    """The epochs until the first look."""
    return min(config.every, asking.n_epochs)


def move(config: Config, asking: Asking) -> Go | None:
    """The next step of the member that is furthest behind, once all have come as far."""
    members = [trial for trial in asking.trials if trial.state in ("paused", "running")]
    waiting = [trial for trial in members if trial.state == "paused"]
    if not waiting or len(asking.trials) < asking.n_trials:
        return None
    epoch = min(trial.epoch for trial in waiting)
    if any(trial.state == "running" and trial.until <= epoch for trial in members):
        return None
    trial = next(trial for trial in waiting if trial.epoch == epoch)
    until = min(epoch + config.every, asking.n_epochs)
    source = _better(config, asking, trial, epoch)
    if source is None:
        return Go(number=trial.number, until=until)
    random = asking.random(trial.number, epoch)
    values = {name: _near(config, asking.space[name], value, random) for name, value in source.settings.items()}
    return Go(number=trial.number, until=until, source=source.number, values=values)


def _better(config: Config, asking: Asking, trial: Trial, epoch: int) -> Trial | None:
    """Whose weights a member takes over: one of the best when it is one of the worst, else nobody's."""
    others = [other for other in asking.trials if other.epoch >= epoch and other.state in ("paused", "running")]
    others.sort(key=lambda other: (-asking.good(other.scores[epoch - 1]), other.number))
    n = int(len(others) * config.replace)
    if n == 0 or trial.number not in {other.number for other in others[-n:]}:
        return None
    return others[int(asking.random(trial.number, epoch, 1).integers(n))]


def _near(config: Config, parameter: ParameterSpec, value: Any, random: np.random.Generator) -> Any:
    """A value near `value`: a neighbour of a level, a number multiplied or divided; now and then any."""
    if random.random() < config.resample:
        return at(parameter, float(random.random()))
    known = levels(parameter)
    up = random.random() < 0.5
    if known is not None and (parameter.kind != "log_int"):
        return known[min(max(known.index(value) + (1 if up else -1), 0), len(known) - 1)]
    low, high = parameter.bounds
    moved = min(max(value * config.factor if up else value / config.factor, low), high)
    return round(moved) if parameter.kind == "log_int" else at(parameter, unit(parameter, moved))

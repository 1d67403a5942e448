"""One network with all choices in it is trained, every trial is judged with its weights, and only the best are trained.

Weight sharing by single paths (Guo et al. 2020): each step of the supernet trains one architecture, drawn at random. A
trial that is judged so costs a pass over the valid rows. That is good enough to tell bad ones, and no more: the best
`finalists` are trained from their own first weights, as if nothing had been shared, and of these the best wins.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from assay import models
from assay.errors import Mistake, SpecError
from assay.spec import Spec
from assay.spec.space import with_values
from assay.spec.words import Words
from assay.tuning._asking import Asking, Go

SHARES = True
ALGORITHMS = ("nas", "random", "grid")  # the others would take what is shared for what is trained


class Config(Words):
    """Options of `supernet`."""

    epochs: int | None = Field(default=None, ge=1, description="of the supernet; null: as many as of a training")
    finalists: int = Field(default=3, ge=1, description="trials that are trained")


def supernet(config: Config, spec: Spec) -> Spec:
    """The spec of the network that has every choice in it, trained whole."""
    assert spec.tune is not None
    made = with_values(spec, {name: list(parameter.choice or ()) for name, parameter in spec.tune.space.items()})
    words = {"epochs": config.epochs or made.training.epochs, "early_stopping": None}
    return made.model_copy(update={"training": made.training.model_copy(update=words)})


def mistakes(config: Config, spec: Spec) -> list[Mistake]:
    """Parameters that a network cannot have all values of at once, and what sharing weights does not go with."""
    assert spec.tune is not None
    found = list(_unshared(spec))
    if spec.tune.algorithm.name not in ALGORITHMS:
        wrong = f"`{spec.tune.algorithm.name}` beside `supernet`"
        found.append(Mistake(where="tune.algorithm", found=wrong, allowed=", ".join(ALGORITHMS)))
    if spec.tune.cross_validation is not None:
        found.append(Mistake(where="tune.cross_validation", found="several trainings", allowed="none with `supernet`"))
    return found


def _unshared(spec: Spec) -> Iterator[Mistake]:
    assert spec.tune is not None
    allowed = (
        "choices under `model` that a supernet can hold, such as model.ops.0 of `cells`, model.blocks.0 of `blocks`"
    )
    for name, parameter in spec.tune.space.items():
        try:
            fits = name.startswith("model.") and parameter.choice is not None and not parameter.when
            if fits:
                made = with_values(spec, {name: list(parameter.choice or ())})
                models.check(made.model.family, made.model.options)
        except SpecError:
            fits = False
        if not fits:
            yield Mistake(where=f"tune.space.{name}", found=f"{name!r} has no shared weights", allowed=allowed)


def first(config: Config, asking: Asking) -> int:
    """No epoch: a trial is judged first."""
    return 0


def move(config: Config, asking: Asking) -> Go | None:
    """The best that waits, once all have been judged, while there is room among the finalists."""
    judged = [trial for trial in asking.trials if trial.screened is not None]
    waiting = [trial for trial in judged if trial.state == "paused"]
    if not waiting or len(asking.trials) < asking.n_trials:
        return None
    if any(trial.state == "running" and trial.screened is None for trial in asking.trials):
        return None
    finalists = [trial for trial in judged if trial.until]
    fresh = [trial for trial in waiting if all(trial.values != other.values for other in finalists)]
    if len(finalists) >= config.finalists or not fresh:
        return None
    best = max(fresh, key=lambda trial: (asking.worth(trial), -trial.number))
    return Go(number=best.number, until=asking.n_epochs)

"""Every parameter drawn on its own, evenly over its range or its logarithm (Bergstra & Bengio 2012)."""

from __future__ import annotations

from typing import Any

from assay.spec.words import Words
from assay.tuning._asking import Asking
from assay.tuning._space import at, draw


class Config(Words):
    """Options of `random`: none."""


def suggest(config: Config, asking: Asking) -> dict[str, Any]:
    """Values that hang on the seed and the trial's number alone."""
    random = asking.random()
    return draw(asking.space, lambda _, parameter: at(parameter, float(random.random())))

"""A model of what is good proposes the next values: TPE (Bergstra et al. 2011) or a Gaussian process, by Optuna."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from assay.spec.words import Words
from assay.tuning import _optuna
from assay.tuning._asking import Asking


class Config(Words):
    """Options of `bayesian`."""

    sampler: Literal["tpe", "gp"] = "tpe"
    startup: int = Field(default=8, ge=1, description="trials drawn at random before the model is asked")


def suggest(config: Config, asking: Asking) -> dict[str, Any]:
    """Values from a model that is fitted anew on all trials so far; those still running count as no good (Optuna)."""
    return _optuna.suggest(asking, config.sampler, config.startup)

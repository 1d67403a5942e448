"""Starts what is slow to start while other work goes on: libraries that a waiting stage will import anyway."""

from __future__ import annotations

import threading

from assay import models, training, validation
from assay.spec import Spec


def up(spec: Spec, waiting: set[str]) -> None:
    """Begin the imports that the stages in `waiting` need. Returns at once."""
    if "validate" in waiting and spec.validation.expectations:
        validation.warm()
    if "train" in waiting:
        threading.Thread(target=_training, args=(spec.model.family,), daemon=True).start()


def _training(family: str) -> None:
    if models.is_torch(family):
        training.warm()

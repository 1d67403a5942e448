"""Starts what is slow to start while other work goes on: what a waiting stage will need anyway."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from assay import models, training, validation
from assay.spec import Spec


@contextmanager
def up(spec: Spec, waiting: set[str]) -> Iterator[None]:
    """Begin to make ready what the stages in `waiting` need, and at the end put away what none of them took."""
    if "validate" in waiting and spec.validation.expectations:
        validation.warm()
    thread = threading.Thread(target=_training, args=(spec,), daemon=True)
    if "train" in waiting:
        thread.start()
    try:
        yield
    finally:
        if "train" in waiting and spec.compute.workers != 0:
            thread.join()
            training.cool()


def _training(spec: Spec) -> None:
    if models.is_torch(spec.model.family):
        training.warm(spec.compute)

"""One segment, wherever it runs: what goes in, what comes out, and that nothing is left behind for the next."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from assay import models
from assay.errors import AssayError, Cancelled
from assay.tuning import Segment, Trained, Trainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A segment that has ended: what it came to, or why it failed."""

    number: int
    trained: Trained | None
    error: str = ""
    seconds: float = 0.0


def perform(trainer: Trainer, segment: Segment) -> Ended:
    """Run a segment. What goes wrong in it is its result, except that a person asked for the end."""
    _reset(segment)
    began = time.perf_counter()
    trained, error = None, ""
    try:
        trained = trainer(segment)
    except Cancelled:
        raise
    except AssayError as failure:
        error = str(failure)
    except Exception as failure:  # a trial may fail in any way; the search goes on
        error = f"{type(failure).__name__}: {failure}"
    seconds = time.perf_counter() - began
    return Ended(number=segment.number, trained=trained, error=error[:2000], seconds=seconds)


def _reset(segment: Segment) -> None:
    """Random numbers as in a new process, and the GPU without what trials before have cached there.

    Trainings draw theirs from the spec's seed and nothing else; this is for what a user's own model may draw. A worker
    whose trials do without torch need not wait for it.
    """
    import random

    import numpy as np

    seed = segment.spec.seed
    random.seed(seed)
    np.random.seed(seed)
    if "torch" not in sys.modules and not models.is_torch(segment.spec.model.family):
        return
    import torch

    torch.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.set_num_threads(segment.spec.compute.threads or os.cpu_count() or 1)

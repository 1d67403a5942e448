"""How many trials run at once, and how many threads each has."""

from __future__ import annotations

import os

from assay.spec import Spec


def n_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def n_workers(spec: Spec) -> int:
    """How many trials run at once; 0 is in this process, one after another.

    A trial that is itself distributed takes the workers for itself. Where there is one CPU, workers would only cost.
    """
    assert spec.tune is not None
    if spec.compute.workers != 0:
        return 0
    if spec.tune.workers is not None:
        return spec.tune.workers
    found = min(int(n_cpus() / (spec.tune.cpus or 1)), spec.tune.trials)
    return found if found > 1 else 0


def threads(spec: Spec) -> int:
    """The CPU threads of one trial."""
    share = n_cpus() // max(1, n_workers(spec)) if spec.tune is not None else n_cpus()
    return max(1, share)

"""Which Ray the workers run in, and when it is started.

A Ray of our own takes two seconds to start, most of them waiting. So it may be started early, in a thread, while the
stages before training run; the training then takes it over, and ends it.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray

from assay.spec.training import ComputeSpec

# Ray's defaults are for clusters: health checks every 2 s (an error or the end is seen as late as that), a dashboard,
# metrics that are exported, usage statistics that are sent home.
LEAN = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1",
}
# Of workers that are there already, or may be fewer: Ray would wait a minute for a machine that has just died.
IMPATIENT = {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "20"}
# Of a cluster that lives on this machine alone: no node can join it later, and none is taken from it.
OWN = {**IMPATIENT, "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}


class _Early:
    """The Ray that was started early: whether it waits to be taken over, and whether it is over."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # held while one is started or ended
        self.waits = False
        self.over = threading.Event()


_early = _Early()


@contextmanager
def cluster(compute: ComputeSpec) -> Iterator[None]:
    """The Ray that runs already (`RAY_ADDRESS`, or one that this process uses), else one for this training alone."""
    with _early.lock:
        ours, _early.waits = _early.waits or not ray.is_initialized(), False
        _start(compute)
    try:
        yield
    finally:
        if ours:
            _end()


def start_early(compute: ComputeSpec) -> None:
    """Start the Ray of a training to come. `end_early` ends it, where no training takes it over."""
    started = threading.Event()

    def live() -> None:
        """Start Ray, and stay: Linux ends its processes with the thread that started them, not with the process."""
        mine = False
        with suppress(Exception), _early.lock:  # the training will try again, and tell
            if not ray.is_initialized():
                _early.over.clear()
                _start(compute)
                mine = _early.waits = True
        started.set()
        if mine:
            _early.over.wait()

    threading.Thread(target=live, name="ray", daemon=True).start()
    started.wait()


def end_early() -> None:
    """End a Ray that was started early for nothing."""
    with _early.lock:
        if _early.waits:
            _early.waits = False
            _end()


def _end() -> None:
    ray.shutdown()
    _early.over.set()


def n_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(compute: ComputeSpec) -> None:
    elastic = isinstance(compute.workers, tuple)
    for name, value in {**LEAN, **(IMPATIENT if elastic else {})}.items():
        os.environ.setdefault(name, value)
    if ray.is_initialized():
        return
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if os.environ.get("RAY_ADDRESS"):
        ray.init(**quiet)
        return
    # Ray asks for a token by itself in a cluster that it starts, unless told otherwise; without one at hand it
    # leaves a new one in the home folder, readable by others.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    for name, value in OWN.items():
        os.environ.setdefault(name, value)
    n_workers = compute.workers if isinstance(compute.workers, int) else compute.workers[1]
    # Without `address="local"` a stray cluster would be joined.
    ray.init(address="local", num_cpus=max(n_workers, n_cpus()), include_dashboard=False, **quiet)

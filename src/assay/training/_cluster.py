"""Which Ray the workers run in.

It is started by the training itself, though a thread could start it while the data are prepared. Ray forks, and a fork
beside a thread that multiplies matrices can wait forever: OpenBLAS wants its threads idle first. Besides, Linux ends
Ray's processes with the thread that started them.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import AuthenticationError

from assay.errors import TrainingError
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


@contextmanager
def cluster(compute: ComputeSpec) -> Iterator[None]:
    """The Ray that the spec or `RAY_ADDRESS` names, or that this process uses, else one for this training alone.

    Raises TrainingError where that cluster is not there, or does not take our token.
    """
    ours = not ray.is_initialized()
    with _own_sigterm():
        _start(compute)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def address_of(compute: ComputeSpec) -> str:
    """The cluster that is to be joined; empty for one of its own."""
    address = compute.address or os.environ.get("RAY_ADDRESS", "")
    return "" if address == "local" else address


def n_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the handler of SIGTERM, in whose place Ray puts one that leaves at once, without a checkpoint."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _start(compute: ComputeSpec) -> None:
    elastic = isinstance(compute.workers, tuple)
    for name, value in {**LEAN, **(IMPATIENT if elastic else {})}.items():
        os.environ.setdefault(name, value)
    if ray.is_initialized():
        return
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    address = address_of(compute)
    if address:
        _join(address, quiet)
        return
    # Ray asks for a token by itself in a cluster that it starts, unless told otherwise; without one at hand it
    # leaves a new one in the home folder, readable by others.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    for name, value in OWN.items():
        os.environ.setdefault(name, value)
    n_workers = compute.workers if isinstance(compute.workers, int) else compute.workers[1]
    # Without `address="local"` a stray cluster would be joined.
    ray.init(address="local", num_cpus=max(n_workers, n_cpus()), include_dashboard=False, **quiet)


def _join(address: str, quiet: dict[str, Any]) -> None:
    """Join a cluster with the token at hand. Whoever has that may run anything there, so none goes without."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        ray.init(address=address, **quiet)
    except (AuthenticationError, ConnectionError, RuntimeError, ValueError) as error:  # Ray seldom says which it is
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise TrainingError(
            f"compute.address: no Ray answers at {address}, or it does not take our token: {reason} "
            "Allowed: HOST:PORT of the head of a cluster that this machine is a node of (`ray start "
            "--address=HOST:PORT`), with its token "
            "in RAY_AUTH_TOKEN, in a file that RAY_AUTH_TOKEN_PATH names, or in ~/.ray/auth_token."
        ) from error

"""Several processes behind one port.

They accept from one socket, which the parent holds: what waits in its queue waits on when a worker dies, and only what
that worker was answering is lost. Uvicorn's supervisor starts a dead or silent one anew. Each worker loads the model
and follows the alias by itself, so for `poll_s` two versions may answer side by side; every answer says which.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import psutil
import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess

from assay import registry
from assay.errors import AssayError
from assay.serving import SWITCH_S, Where

_PR_SET_PDEATHSIG = 1
START_S = 120.0


def run(
    reference: str, where: Where, listening: socket, n: int, options: dict[str, Any], ready: Callable[[], None]
) -> None:
    """Serve with `n` workers until told to end. Raises RegistryError when the model does not load."""
    registry.load(reference, uri=where.uri, home=where.home, store=where.store)  # once for all; and a mistake is told
    with tempfile.TemporaryDirectory(prefix="assay-metrics-") as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics  # read by the workers, which start with this environment
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        make = partial(worker, os.getpid(), reference, where, options)
        config = uvicorn.Config(
            make, factory=True, workers=n, access_log=False, log_level="warning", timeout_graceful_shutdown=30,
            timeout_worker_healthcheck=30,
        )  # fmt: skip
        told = _Supervisor(config, listening, ready).told()
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    for number, handler in before.items():
        signal.signal(number, handler)
    if told:
        signal.raise_signal(told)  # as a single process does after its last answer


def worker(parent: int, reference: str, where: Where, options: dict[str, Any]) -> Any:
    """The application of one worker, which ends with its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(1)
    _bury()
    from assay.serving import _app

    sys.setswitchinterval(SWITCH_S)
    try:
        return _app.make(reference, where, **options)
    except AssayError as error:  # its parent tries again: MLflow may have been away
        print(error, file=sys.stderr, flush=True)
        raise SystemExit(1) from error


class _Supervisor(Multiprocess):
    """Uvicorn's, which says when all workers answer, and by which signal it was ended."""

    def __init__(self, config: uvicorn.Config, listening: socket, ready: Callable[[], None]) -> None:
        super().__init__(config, [listening])
        self._ready, self._told = ready, 0

    def told(self) -> int:
        """Run; the number of the signal that ended it, or 0."""
        self.run()
        return self._told

    def init_processes(self) -> None:
        super().init_processes()
        for process in self.processes:
            process.wait_until_ready(START_S)
        self._ready()

    def handle_int(self) -> None:
        self._told = signal.SIGINT
        super().handle_int()

    def handle_term(self) -> None:
        self._told = signal.SIGTERM
        super().handle_term()


def _bury() -> None:
    """What dead workers counted stays counted; what they measured is gone with them."""
    from prometheus_client import multiprocess

    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]

"""Processes by id and start time: an id alone may belong to somebody else by now."""

from __future__ import annotations

import signal

import psutil

from assay.errors import AssayError


def started_at(pid: int) -> float:
    """When the process `pid` started (seconds since the epoch), or 0 when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0


def end(pid: int, started: float) -> None:
    """Send SIGTERM to the process `pid` that started at `started`. Raises AssayError when it is gone."""
    if not started or abs(started_at(pid) - started) > 0.01:
        raise AssayError(f"Process {pid} is gone already.")
    psutil.Process(pid).send_signal(signal.SIGTERM)

"""Processes that outlive the one that started them: started detached, recognised, and stopped with their children."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

OWNER = "ASSAY_SERVER_OF"  # environment variable of every process of ours: the home folder that it serves
CLOCK_TOLERANCE_S = 2.0  # start times are derived from the system clock, which may be corrected meanwhile


def start(command: Sequence[str], environment: Mapping[str, str], *, folder: Path, log: Path) -> psutil.Process:
    """Start `command` in a session of its own, in `folder`, with its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, OWNER: str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = psutil.Process(process.pid)
    process.returncode = 0  # it is meant to outlive us: Popen need neither wait for it nor warn
    return started


def alive(pid: int, started: float) -> psutil.Process | None:
    """The process with this id, if it is still the one that began at `started`."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < CLOCK_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def members(pid: int, started: float, folder: Path) -> list[psutil.Process]:
    """What is left of the session that `pid` led, the leader first: its children are found even after its death."""
    found = [process for process in psutil.process_iter() if _belongs(process, pid, started, folder)]
    return sorted(found, key=lambda process: process.pid != pid)


def stop(processes: Sequence[psutil.Process], *, patience_s: float = 10.0) -> None:
    """Ask all to end, the first one first; kill what is left after `patience_s`."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=patience_s)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=patience_s)


def _belongs(process: psutil.Process, leader: int, started: float, folder: Path) -> bool:
    try:
        return (
            os.getsid(process.pid) == leader
            and process.create_time() > started - CLOCK_TOLERANCE_S
            and process.environ().get(OWNER) == str(folder)
        )
    except (ProcessLookupError, PermissionError, psutil.Error):  # it has just ended, or is somebody else's
        return False

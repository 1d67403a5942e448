"""The process that validates, from the outside: started early or late, asked once, never left behind.

It ends when it has answered, when this process closes its stdin (by ending, however), and by a signal of the kernel
when the thread that started it ends. One that has died before it was asked is replaced.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import IO, Any

from assay.errors import DataError

_COMMAND = (sys.executable, "-P", "-m", "assay.validation._gx")  # -P: modules of the working folder are not ours
_lock = threading.Lock()
_waiting: _Child | None = None


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[str]
    stderr: IO[bytes]

    def stop(self) -> None:
        """End it and take its exit status."""
        with self.process, self.stderr:  # leaving closes the pipes and waits
            self.process.kill()


def warm() -> None:
    """Start a child to wait for the next request, if none waits."""
    global _waiting
    with _lock:
        if _waiting is not None and _waiting.process.poll() is None:
            return
        if _waiting is not None:
            _waiting.stop()
        _waiting = _start()


def ask(request: dict[str, Any], *, personal: bool) -> list[dict[str, Any]]:
    """The child's answers. Raises DataError when it dies; with `personal`, what it last said is not repeated."""
    global _waiting
    warm()
    with _lock:
        child, _waiting = _waiting, None
    assert child is not None, "warm has just started one"
    try:
        answer, _ = child.process.communicate(json.dumps(request) + "\n")
        if child.process.returncode == 0 and answer:
            answers: list[dict[str, Any]] = json.loads(answer)
            return answers
        raise DataError(_told(child, personal))
    finally:
        child.stop()


def _start() -> _Child:
    # A file, since a pipe that nobody reads would fill up and hold the child.
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - `stop` closes it
    process = subprocess.Popen(
        [*_COMMAND, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    return _Child(process, stderr)


def _told(child: _Child, personal: bool) -> str:
    """How the child ended, with its last line where that cannot hold a value of a personal column."""
    code = child.process.returncode
    child.stderr.seek(0)
    lines = child.stderr.read().decode(errors="replace").strip().splitlines()
    how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
    hint = " The system may be out of memory." if code == -9 else ""
    last = f" It said: {lines[-1][:300]}" if lines and not personal else ""
    return f"The process that validates the data ended {how} before it had answered.{hint}{last}"


@atexit.register
def _stop_waiting() -> None:
    global _waiting
    with _lock:
        child, _waiting = _waiting, None
    if child is not None:
        child.stop()

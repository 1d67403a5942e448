"""SIGINT and SIGTERM: the run is told to end, in order, and the exit code says which of the two it was."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


class Told(KeyboardInterrupt):
    """A signal has told this process to end. Like every KeyboardInterrupt it passes through `except Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number


class Stopped(Exception):
    """A KeyboardInterrupt on its way through typer, which would otherwise end with an exit code of its own."""

    def __init__(self, interrupt: KeyboardInterrupt) -> None:
        super().__init__("Stopped, as asked. The same command goes on where this one was.")
        self.exit_code = interrupt.exit_code if isinstance(interrupt, Told) else 128 + signal.SIGINT


@contextmanager
def handled() -> Iterator[None]:
    """Turn both signals into `Told` until the block ends. Only the main thread can have signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _tell) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # whoever asks twice does not want to wait
    raise Told(number)

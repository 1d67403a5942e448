"""SIGTERM, treated as Ctrl-C is: the run is told to end, in order, and the exit code says which signal it was."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Told(KeyboardInterrupt):
    """A signal has told this process to end. Like KeyboardInterrupt it passes through `except Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number


@contextmanager
def handled() -> Iterator[None]:
    """Turn SIGTERM into `Told` until the block ends."""

    def tell(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever asks twice does not want to wait
        raise Told(number)

    before = signal.signal(signal.SIGTERM, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

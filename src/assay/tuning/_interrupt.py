"""Ctrl-C once ends the search and keeps its best; twice is what it always is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Asked:
    """Whether a person has asked for the end of the search."""

    def __init__(self) -> None:
        self.for_the_end = False


@contextmanager
def interrupts() -> Iterator[Asked]:
    """Hear the first SIGINT until the block ends. Signals can only be had in the main thread."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def hear(number: int, frame: FrameType | None) -> None:
        if asked.for_the_end and callable(before):
            before(number, frame)
        asked.for_the_end = True

    signal.signal(signal.SIGINT, hear)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)

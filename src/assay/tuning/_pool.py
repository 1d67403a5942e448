"""Where segments run: in this process, one after another, or on Ray."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from assay.spec import Spec
from assay.tuning import Segment, Trainer
from assay.tuning._slots import n_workers
from assay.tuning._work import Ended, perform


class Pool(Protocol):
    """Workers. Leaving the `with` block ends them, whatever they do."""

    def __enter__(self) -> Pool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def n_free(self) -> int:
        """How many segments can be started now."""
        ...

    @property
    def busy(self) -> set[int]:
        """The trials whose segments have been started and not given back."""
        ...

    def start(self, segment: Segment) -> None:
        """Begin a segment."""
        ...

    def wait(self, timeout_s: float) -> list[Ended]:
        """The segments that have ended, after `timeout_s` at the latest."""
        ...


class Here:
    """In this process. A segment runs when it is waited for."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._next: Segment | None = None

    def __enter__(self) -> Here:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._next = None

    @property
    def n_free(self) -> int:
        """One, unless a segment waits to be run."""
        return int(self._next is None)

    @property
    def busy(self) -> set[int]:
        """The trial whose segment waits to be run."""
        return set() if self._next is None else {self._next.number}

    def start(self, segment: Segment) -> None:
        """Take a segment on."""
        self._next = segment

    def wait(self, timeout_s: float) -> list[Ended]:
        """Run it, and give it back. Raises Cancelled when a person ended it in the middle."""
        segment, self._next = self._next, None
        return [] if segment is None else [perform(self._trainer, segment)]


def pool(spec: Spec, trainer: Trainer) -> Pool:
    """The workers that the spec asks for."""
    n = n_workers(spec)
    if n == 0:
        return Here(trainer)
    from assay.tuning._ray import Actors

    assert spec.tune is not None
    return Actors(trainer, n, spec.tune.cpus, spec.tune.gpus)

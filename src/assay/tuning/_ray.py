"""Warm workers on Ray: each is an actor that runs one segment after another for as long as the search goes on."""

from __future__ import annotations

import logging
import os
import secrets
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from assay.tuning import Segment, Trainer
from assay.tuning._slots import n_cpus
from assay.tuning._work import Ended, perform

DIED = "its worker died (killed, out of memory, or its machine went away)"
LEAN = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TRAIN_METRICS_ENABLED": "0"}


class Worker:
    """What an actor does."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def run(self, segment: Segment) -> Ended:
        """One segment."""
        return perform(self._trainer, segment)


class Actors:
    """`n` actors. One that dies takes its segment with it, as a failure, and is replaced."""

    def __init__(self, trainer: Trainer, n: int, cpus: float, gpus: float) -> None:
        self._trainer, self._n = trainer, n
        self._options = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": 0}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Segment]] = {}
        self._ours = False

    def __enter__(self) -> Actors:
        for name, value in LEAN.items():
            os.environ.setdefault(name, value)
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if not ray.is_initialized():
            self._ours = True
            if os.environ.get("RAY_ADDRESS"):
                ray.init(**quiet)
            else:
                # Without a token at hand Ray would leave one in the home folder; without "local" it would join a stray.
                os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
                wanted = max(n_cpus(), -(-self._n * self._options["num_cpus"] // 1))
                ray.init(address="local", num_cpus=int(wanted), include_dashboard=False, **quiet)
        self._idle = [self._actor() for _ in range(self._n)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in (*self._idle, *(actor for actor, _ in self._busy.values())):
            ray.kill(actor)
        self._idle, self._busy = [], {}
        if self._ours:
            ray.shutdown()

    @property
    def n_free(self) -> int:
        """How many actors have nothing to do."""
        return len(self._idle)

    @property
    def busy(self) -> set[int]:
        """The trials that are being trained."""
        return {segment.number for _, segment in self._busy.values()}

    def start(self, segment: Segment) -> None:
        """Give a segment to an idle actor."""
        actor = self._idle.pop()
        self._busy[actor.run.remote(segment)] = (actor, segment)

    def wait(self, timeout_s: float) -> list[Ended]:
        """What has ended."""
        if not self._busy:
            return []
        ready, _ = ray.wait(list(self._busy), timeout=timeout_s)
        return [self._take(reference) for reference in ready]

    def _take(self, reference: Any) -> Ended:
        actor, segment = self._busy.pop(reference)
        try:
            ended: Ended = ray.get(reference)
        except RayActorError:
            self._idle.append(self._actor())
            return Ended(number=segment.number, trained=None, error=DIED)
        except RayError as error:
            self._idle.append(actor)
            return Ended(number=segment.number, trained=None, error=str(error)[:2000])
        self._idle.append(actor)
        return ended

    def _actor(self) -> Any:
        return ray.remote(Worker).options(**self._options).remote(self._trainer)

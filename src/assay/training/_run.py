"""From a job to a model: check it, give it to Ray Train, read what came of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from safetensors.torch import save

from assay import models
from assay.artifacts import Events, Model, to_json
from assay.errors import AssayError, Cancelled, Mistake, SpecError, TrainingError, did_you_mean
from assay.spec.training import AugmentSpec
from assay.training import _checkpoint, _losses, _metrics, _ray
from assay.training._failures import summary
from assay.training._job import Job
from assay.training._transfer import whole


def run(job: Job, events: Events) -> Model:
    """Train, and return the model of the best epoch."""
    check(job)
    job.folder.mkdir(parents=True, exist_ok=True)
    job.stop.unlink(missing_ok=True)
    use_gpu = _ray.gpu_wanted(job.compute)
    with stoppable(job):
        try:
            _ray.fit(job, use_gpu, events)
        except AssayError:
            raise
        except Exception as error:
            raise TrainingError(f"training failed: {summary(error)}") from error
    return _model(job, "cuda" if use_gpu else "cpu")


def check(job: Job) -> None:
    """Raise SpecError for what cannot be asked of this target."""
    target, stopping = job.prepared.target, job.training.early_stopping
    mistakes = [*models.check_takes(job.family, job.prepared.signal), *_losses.check(job.training, target)]
    if job.training.augment != AugmentSpec() and (job.prepared.signal is None or job.prepared.signal.kind != "image"):
        hint = "Leave `training.augment` out."
        found = "only images are augmented, and there are none"
        mistakes.append(Mistake(where="training.augment", found=found, allowed="nothing here", hint=hint))
    known = _metrics.names(target.task, binary=target.n_outputs == 2)
    if stopping is not None and stopping.metric not in known:
        mistakes.append(
            Mistake(
                where="training.early_stopping.metric",
                found=f"{stopping.metric!r} is not computed after an epoch of this task",
                allowed=", ".join(known),
                hint=did_you_mean(stopping.metric, known),
            )
        )
    mistakes += [
        Mistake(
            where=f"training.metrics.{index}", found=f"no metric {name!r} in such a task", allowed=", ".join(known[1:])
        )
        for index, name in enumerate(job.training.metrics)
        if name not in known[1:]
    ]
    if mistakes:
        raise SpecError.of(mistakes)


@contextmanager
def stoppable(job: Job) -> Iterator[None]:
    """SIGINT and SIGTERM become the stop flag, so that a checkpoint is written first; a second one is not held back.

    Afterwards the signal goes to the handler that was there before. In a thread signals cannot be had: there the flag
    file alone counts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: FrameType | None) -> None:
        received.append(number)
        job.stop.touch()
        _restore(before)

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        _restore(before)
    if received:
        handler = before[signal.Signals(received[0])]
        if callable(handler) and handler is not signal.default_int_handler:
            handler(received[0], None)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _model(job: Job, device: str) -> Model:
    found = _checkpoint.newest(job.checkpoints)
    if found is None or not found.progress.stopped:
        done = len(found.progress.epochs) if found is not None else 0
        raise Cancelled(
            f"training was told to stop after {done} of {job.training.epochs} epochs. "
            "The same command goes on from there."
        )
    progress, workers = found.progress, job.compute.workers
    return Model(
        family=job.family,
        options=to_json(job.options),
        weights=job.store.put(save(whole(job, found.part("best"))), "model.safetensors"),
        preprocessing=job.prepared,
        best_epoch=progress.best_epoch,
        epochs=progress.epochs,
        n_parameters=progress.n_parameters,
        stopped=progress.stopped,
        n_workers=workers if isinstance(workers, int) else workers[1],
        device=device,
    )

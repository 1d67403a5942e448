"""The loop: a fit is epochs, an epoch is updates of the weights and then a look at the valid rows.

N rows.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

from torch import Tensor

from assay.artifacts import Epoch, Events
from assay.errors import TrainingError
from assay.store import Disk
from assay.training import _checkpoint
from assay.training._batches import Rows
from assay.training._descent import Descent
from assay.training._job import STOP, Job
from assay.training._judge import Judge
from assay.training._losses import Loss
from assay.training._memory import keep_freed
from assay.training._network import Network, frozen
from assay.training._place import Place
from assay.training._progress import Progress

FLAG_S = 1.0
STOP_EVERY = 16  # updates between two looks at the stop flag, on which ranks have to agree


def fit(job: Job, place: Place, events: Events) -> None:
    """Train until the end or until told to stop. What came of it stands in the newest checkpoint."""
    keep_freed()
    run = Run(job, place)
    run.resume()
    run.greet(events)
    while not run.progress.stopped:
        finished = run.epoch()
        if finished:
            run.tell(events, run.progress.epochs[-1])
        if run.progress.stopped or not finished or run.due():
            run.save(events)
        if not finished:
            return


class Run:
    """A training under way on one rank."""

    def __init__(self, job: Job, place: Place) -> None:
        self.job, self.place = job, place
        self.train = Rows.open(job.arrays.train, job.store, place.device, embedded=job.arrays.embedded)
        loss = Loss.of(job.training, job.prepared.target, self.train.target_N, place.device)
        self.network = Network(job, place)
        self.descent = Descent(job, place, self.train, loss, self.network)
        valid = Rows.open(job.arrays.valid, job.store, place.device, embedded=job.arrays.embedded)
        self.judge = Judge(job, place, valid, loss)
        self.progress = Progress(n_parameters=self.network.n_parameters)
        self.best: dict[str, Tensor] = {}
        self.saved = time.monotonic()
        self.stop = Flag(job)

    def epoch(self) -> bool:
        """One pass over the train rows, or what is left of it, and one over the valid rows. False: told to stop."""
        number, started = self.progress.epoch, time.perf_counter() - self.progress.seconds
        index_N = self.train.in_order(self.job.seed, number, self.job.training.batch_size)
        self.network.begin(number)
        for update in range(self.progress.update, self.descent.n_updates):
            if self.told_to_stop(update):
                self.progress = replace(self.progress, update=update, seconds=time.perf_counter() - started)
                return False
            self.descent.update(number, update, index_N)
        self.network.sync(self.descent.optimizer)
        train_loss = self.descent.mean_loss()
        valid_loss, metrics = self.judge(self.network.evaluated)
        record = Epoch(
            epoch=number,
            train_loss=train_loss,
            valid_loss=valid_loss,
            lr=self.descent.lr,
            seconds=round(time.perf_counter() - started, 6),
            metrics=metrics,
        )
        self.progress = self.progress.after(record, self.job.training.epochs, self.job.training.early_stopping)
        if self.place.first and self.progress.best_epoch == number:
            self.best = frozen(self.network.evaluated)
        return True

    def told_to_stop(self, update: int) -> bool:
        """True on all ranks when the flag file is there."""
        return update % STOP_EVERY == 0 and self.place.any(self.place.first and self.stop())

    def due(self) -> bool:
        """True when it is time for a checkpoint, which ranks need not agree on but for the epoch."""
        late = time.monotonic() - self.saved >= self.job.checkpoint_s
        return late and len(self.progress.epochs) % self.job.training.checkpoint_every == 0

    def save(self, events: Events) -> None:
        """Write a checkpoint."""
        if self.progress.update:
            self.descent.gather()
        if self.place.first:
            best = {f"best.{name}": value for name, value in self.best.items()}
            tensors = {**self.network.tensors(), **self.descent.tensors(), **best}
            sha256 = _checkpoint.write(self.job.checkpoints, self.progress, tensors)
            events.emit("checkpoint", epoch=len(self.progress.epochs), sha256=sha256)
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Go on from the newest checkpoint, where there is one."""
        if self.place.first:
            _checkpoint.sweep(self.job.checkpoints)
        found = _checkpoint.newest(self.job.checkpoints) or self.elsewhere()
        if found is not None:
            self.progress, self.best = found.progress, found.part("best")
            self.network.load(found.part("weights"), found.part("ema"))
            self.descent.load(found)
        position = [float(self.progress.epoch), float(self.progress.update)]
        if self.place.agree(position) != position:
            raise TrainingError(
                f"workers see different checkpoints in {self.job.checkpoints}. Allowed: a folder on a file system that "
                "all of them share, or a bucket (ASSAY_STORE=s3://BUCKET/PREFIX)."
            )

    def elsewhere(self) -> _checkpoint.Checkpoint | None:
        """Where another training stands that this one is to go on from."""
        if self.job.start is None:
            return None
        files = self.job.files_of(self.job.start / "checkpoints")
        for folder in {name.partition("/")[0] for name in files.names()}:
            found = _checkpoint.newest(self.job.files_of(self.job.start / "checkpoints" / folder))
            if found is not None:
                return found
        raise TrainingError(f"there is no checkpoint in {self.job.start} from which this training could go on.")

    def greet(self, events: Events) -> None:
        """Say where training goes on, and tell of the epochs that are done, for whoever has not heard of them."""
        if self.place.first and self.progress.under_way:
            where = f"epoch {self.progress.epoch}, update {self.progress.update}"
            events.emit("notice", text=f"training goes on from its checkpoint: {where}", epoch=self.progress.epoch)
        for epoch in self.progress.epochs:
            self.tell(events, epoch)

    def tell(self, events: Events, epoch: Epoch) -> None:
        """Say that `epoch` has ended."""
        if self.place.first:
            events.emit(
                "epoch",
                epoch=epoch.epoch,
                n_epochs=self.job.training.epochs,
                train_loss=epoch.train_loss,
                valid_loss=epoch.valid_loss,
                lr=epoch.lr,
                seconds=epoch.seconds,
                metrics=dict(epoch.metrics),
            )


class Flag:
    """Whether the end is asked for. A bucket is asked once a second; a flag that stands was there."""

    def __init__(self, job: Job) -> None:
        self._job, self._asked = job, -math.inf

    def __call__(self) -> bool:
        """True when it is."""
        if self._job.stop.exists():
            return True
        said = self._job.said
        if isinstance(said, Disk) or time.monotonic() - self._asked < FLAG_S:
            return False
        self._asked = time.monotonic()
        try:
            return bool(said.read(STOP))
        except FileNotFoundError:
            return False

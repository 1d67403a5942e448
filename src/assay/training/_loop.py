"""The loop: a fit is epochs, an epoch is updates, an update is one or more batches.

N rows, B rows of a batch, F numeric features, C categorical features, O outputs.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch
from torch import Tensor

from assay.artifacts import Epoch, Events
from assay.errors import TrainingError
from assay.training import _checkpoint
from assay.training._batches import Rows, order
from assay.training._job import Job
from assay.training._judge import Judge, autocast
from assay.training._losses import Loss
from assay.training._network import Forward, Network, frozen
from assay.training._optim import load_state_tensors, optimizer, state_tensors
from assay.training._place import Place
from assay.training._progress import Progress
from assay.training._schedule import factor

STOP_EVERY = 32  # updates between two looks at the stop flag, where ranks have to agree on it


def fit(job: Job, place: Place, events: Events) -> None:
    """Train until the end or until told to stop. What came of it stands in the newest checkpoint."""
    run = Run(job, place)
    run.resume()
    for epoch in run.progress.epochs:
        run.tell(events, epoch)
    while not run.progress.stopped:
        finished = run.epoch()
        if finished:
            run.tell(events, run.progress.epochs[-1])
        if run.progress.stopped or not finished or len(run.progress.epochs) % job.training.checkpoint_every == 0:
            run.save(events)
        if not finished:
            return


class Run:
    """A training under way on one rank."""

    def __init__(self, job: Job, place: Place) -> None:
        self.job, self.place, self.spec = job, place, job.training
        self.train = Rows.open(job.arrays.train, job.store, place.device)
        self.valid = Rows.open(job.arrays.valid, job.store, place.device)
        self.loss = Loss.of(self.spec, job.prepared.target, self.train.target_N, place.device)
        self.network = Network(job, place)
        self.optimizer = optimizer(self.network.module, self.spec)
        self.scaler = torch.amp.GradScaler(place.device.type) if self.spec.precision == "fp16" else None
        self.judge = Judge(job, place, self.valid, self.loss)
        self.progress = Progress(n_parameters=self.network.n_parameters)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=place.device)  # of this epoch, on this rank
        self.best: dict[str, Tensor] = {}
        self.n_rows = self.spec.batch_size * self.spec.accumulate  # of one update
        self.n_updates = -(-len(self.train) // self.n_rows)  # of one epoch

    # ------------------------------------------------------------------------------------------------ an epoch

    def epoch(self) -> bool:
        """One pass over the train rows, or what is left of it, and one over the valid rows. False: told to stop."""
        number, started = self.progress.epoch, time.perf_counter() - self.progress.seconds
        index_N = order(len(self.train), self.job.seed, number).to(self.train.target_N.device)
        self.network.module.train()
        for update in range(self.progress.update, self.n_updates):
            if self.told_to_stop(update):
                self.progress = replace(self.progress, update=update, seconds=time.perf_counter() - started)
                return False
            self.update(number, update, index_N)
        self.network.sync(self.optimizer)
        train_loss = self.train_loss()
        valid_loss, metrics = self.judge(self.network.evaluated)
        record = Epoch(
            epoch=number,
            train_loss=train_loss,
            valid_loss=valid_loss,
            lr=self.optimizer.param_groups[0]["lr"],
            seconds=round(time.perf_counter() - started, 6),
            metrics=metrics,
        )
        self.progress = self.progress.after(record, self.spec.epochs, self.spec.early_stopping)
        if self.place.first and self.progress.best_epoch == number:
            self.best = frozen(self.network.evaluated)
        return True

    def update(self, epoch: int, update: int, index_N: Tensor) -> None:
        """One update of the weights."""
        done = (epoch - 1) * self.n_updates + update
        rate = self.spec.lr * factor(self.spec.schedule, done, self.spec.epochs * self.n_updates, self.n_updates)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.place.seed(self.job.seed, epoch, update)
        self.optimizer.zero_grad(set_to_none=True)
        self.gradients(index_N[update * self.n_rows : (update + 1) * self.n_rows])
        self.step()
        self.network.move_average()
        if self.network.local and (update + 1) % self.spec.sync_every == 0:
            self.network.sync()

    def gradients(self, index_N: Tensor) -> None:
        """The exact mean gradient over all rows of one update, batch by batch."""
        weight = self.loss.weight(self.train.target_N, index_N)
        batches = torch.split(index_N, self.spec.batch_size)
        for number, index_B in enumerate(batches, start=1):
            forward = self.network.forward
            with self.network.unsynced(more_to_come=number < len(batches)):
                loss = self.share_loss(forward, index_B)
                self.loss_sum += loss.detach()
                # DDP averages over ranks, and each rank's loss is a part of the sum: hence world_size.
                mean = loss * (self.place.world_size / weight)
                torch.autograd.backward(mean if self.scaler is None else self.scaler.scale(mean))

    def share_loss(self, forward: Forward, index_B: Tensor) -> Tensor:
        """The loss summed over this rank's rows of a batch."""
        mine = index_B[self.place.share(len(index_B))]
        n_rows = len(mine)
        if n_rows < 2:  # batch normalisation wants two rows, and DDP a pass on every rank: rows that count nothing
            mine = torch.cat([mine, index_B[:1].expand(2 - n_rows)])
        numeric_BF, codes_BC, target_B = self.train.take(mine, self.place.device)
        with autocast(self.spec.precision, self.place.device):
            out = forward(numeric_BF, codes_BC)
        return self.loss.sum(out[:n_rows], target_B[:n_rows])

    def step(self) -> None:
        """Clip, and let the optimiser do its work."""
        if self.spec.clip_norm is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.module.parameters(), self.spec.clip_norm)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def train_loss(self) -> float:
        """The mean loss per row of the epoch that ends here. Raises TrainingError when it is no number."""
        total = self.loss.weight(self.train.target_N)
        mean = float(self.place.sum(self.loss_sum) / total)
        self.loss_sum.zero_()
        if not math.isfinite(mean):
            spec = self.spec
            clip = "" if spec.clip_norm else ", `training.clip_norm: 1.0`"
            precision = "" if spec.precision == "fp32" else ", `training.precision: fp32`"
            raise TrainingError(
                f"the training loss became {mean} in epoch {self.progress.epoch}. Try `training.lr: {spec.lr / 10:g}` "
                f"(now {spec.lr:g}){clip}{precision}, or look for extreme values in the numeric columns."
            )
        return mean

    # ------------------------------------------------------------------------------------ stopping and resuming

    def told_to_stop(self, update: int) -> bool:
        """True on all ranks when the flag file is there. Ranks have to ask each other, so they ask now and then."""
        if not self.place.alone and update % STOP_EVERY:
            return False
        return self.place.any(self.place.first and self.job.stop.exists())

    def tell(self, events: Events, epoch: Epoch) -> None:
        """Say that `epoch` has ended."""
        if self.place.first:
            events.emit(
                "epoch",
                epoch=epoch.epoch,
                n_epochs=self.spec.epochs,
                train_loss=epoch.train_loss,
                valid_loss=epoch.valid_loss,
                lr=epoch.lr,
                seconds=epoch.seconds,
                metrics=dict(epoch.metrics),
            )

    def save(self, events: Events) -> None:
        """Write a checkpoint."""
        if self.progress.update:  # in the middle of an epoch ranks may be apart
            self.network.sync(self.optimizer)
            self.place.sum(self.loss_sum)
        if not self.place.first:
            return
        tensors = {"loss_sum": self.loss_sum.cpu(), **self.network.tensors()}
        tensors |= {f"optimizer.{name}": value for name, value in state_tensors(self.optimizer).items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        if self.scaler is not None:
            tensors |= {f"scaler.{name}": torch.tensor(value) for name, value in self.scaler.state_dict().items()}
        sha256 = _checkpoint.write(self.job.checkpoints, self.progress, tensors)
        events.emit("checkpoint", epoch=len(self.progress.epochs), sha256=sha256)

    def resume(self) -> None:
        """Go on from the newest checkpoint, where there is one."""
        found = _checkpoint.newest(self.job.checkpoints)
        if found is not None:
            self.progress = found.progress
            self.network.load(found.part("weights"), found.part("ema"))
            load_state_tensors(self.optimizer, found.part("optimizer"))
            self.best = found.part("best")
            if self.place.first:
                self.loss_sum.copy_(found.tensors["loss_sum"])
            if self.scaler is not None:
                self.scaler.load_state_dict({name: value.item() for name, value in found.part("scaler").items()})
        position = [float(self.progress.epoch), float(self.progress.update)]
        if self.place.agree(position) != position:
            raise TrainingError(
                f"workers see different checkpoints in {self.job.checkpoints}. Allowed: a folder on a file system that "
                "all of them share."
            )

"""One update of the weights after another, and what updates leave behind: the optimiser's state and the sum of losses.

N rows of an epoch or an update, B rows of a batch, F numeric features, C categorical features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from assay.errors import TrainingError
from assay.spec.training import AugmentSpec
from assay.training._augment import Targets, augmented
from assay.training._batches import Rows
from assay.training._checkpoint import Checkpoint
from assay.training._job import Job
from assay.training._judge import autocast
from assay.training._losses import Loss
from assay.training._mitigation import Mitigation
from assay.training._network import Forward, Network
from assay.training._optim import load_state_tensors, optimizer, state_tensors
from assay.training._place import Place
from assay.training._schedule import factor


class Descent:
    """Updates of `network` on `rows`. `n_updates` are those of one epoch."""

    def __init__(self, job: Job, place: Place, rows: Rows, loss: Loss, network: Network) -> None:
        self.optimizer = optimizer(network.module, job.training, network.lr_fracs)
        self.n_updates = -(-len(rows) // (job.training.batch_size * job.training.accumulate))
        self._spec, self._seed, self._place = job.training, job.seed, place
        self._rows, self._loss, self._network = rows, loss, network
        self._mitigation = Mitigation.of(job, place, rows.target_N)
        self._augments = job.training.augment != AugmentSpec()
        self._scaler = torch.amp.GradScaler(place.device.type) if job.training.precision == "fp16" else None
        self._sum = torch.zeros((), dtype=torch.float64, device=place.device)  # of this epoch's losses on this rank

    @property
    def lr(self) -> float:
        """The rate of the last update, that of the head where layers differ."""
        return max(float(group["lr"]) for group in self.optimizer.param_groups)

    def update(self, epoch: int, update: int, index_N: Tensor) -> None:
        """Update number `update` of an epoch whose rows come in the order `index_N`."""
        spec, done = self._spec, (epoch - 1) * self.n_updates + update
        rate = spec.lr * factor(spec.schedule, done, spec.epochs * self.n_updates, self.n_updates)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_frac"]
        self._place.seed(self._seed, epoch, update)
        self._network.forget_gradients()
        n_rows = spec.batch_size * spec.accumulate
        self._gradients(index_N[update * n_rows : (update + 1) * n_rows])
        self._network.exchange()
        self._step()
        self._network.move_average()
        if self._network.local and (update + 1) % spec.sync_every == 0:
            self._network.sync()

    def mean_loss(self) -> float:
        """The mean loss per row of the epoch that ends here. Raises TrainingError when it is no number."""
        mean = float(self._place.sum(self._sum) / self._loss.weight(self._rows.target_N))
        self._sum.zero_()
        if not math.isfinite(mean):
            raise TrainingError(f"the training loss became {mean}. Try {self._advice()}.")
        return mean

    def share_loss(self, forward: Forward, index_B: Tensor) -> Tensor:
        """The loss summed over this rank's rows of a batch."""
        out, targets, mine = self._forward(forward, index_B)
        return targets.loss(self._loss, out, len(mine) if len(mine) < len(out) else None)

    def mitigated(self, forward: Forward, index_B: Tensor) -> tuple[Tensor, Tensor]:
        """What is minimised over a batch, as a mean over its rows, and the loss summed over this rank's rows."""
        assert self._mitigation is not None
        out, targets, mine = self._forward(forward, index_B)
        out, target_B = out[: len(mine)], targets.own_B[: len(mine)]
        loss_B = self._loss.rows(out, target_B)
        weight = self._loss.weight(self._rows.target_N, index_B)
        return self._mitigation(loss_B, out, target_B, mine, weight), loss_B.detach().sum()

    def _forward(self, forward: Forward, index_B: Tensor) -> tuple[Tensor, Targets, Tensor]:
        """What the network makes of this rank's rows of a batch, their targets, and which rows they are."""
        mine = index_B[self._place.share(len(index_B))]
        n_rows = len(mine)
        padded = n_rows < 2  # batch normalisation wants two rows, and DDP a pass on every rank
        if padded:
            mine = torch.cat([mine, index_B[:1].expand(2 - n_rows)])
        inputs, target_B = self._rows.take(mine, self._place.device)
        targets = Targets(target_B)
        if self._augments:
            image_BCHW, targets = augmented(inputs[-1], target_B, self._spec.augment)
            inputs = (*inputs[:-1], image_BCHW)
        with autocast(self._spec.precision, self._place.device):
            out = forward(*inputs)
        return out, targets, mine[:n_rows]

    def gather(self) -> None:
        """Bring what ranks hold apart to rank 0, in the middle of an epoch."""
        self._network.sync(self.optimizer)
        self._place.sum(self._sum)

    def tensors(self) -> dict[str, Tensor]:
        """The state, for a checkpoint."""
        found = {f"optimizer.{name}": value for name, value in state_tensors(self.optimizer).items()}
        if self._scaler is not None:
            found |= {f"scaler.{name}": torch.tensor(value) for name, value in self._scaler.state_dict().items()}
        if self._mitigation is not None:
            found |= {f"mitigation.{name}": value.cpu() for name, value in self._mitigation.state.items()}
        return {"descent.loss_sum": self._sum.cpu(), **found}

    def load(self, found: Checkpoint) -> None:
        """Put back what `tensors` gave."""
        load_state_tensors(self.optimizer, found.part("optimizer"))
        if self._mitigation is not None:
            for name, value in found.part("mitigation").items():
                self._mitigation.state[name].copy_(value)
        if self._place.first:
            self._sum.copy_(found.tensors["descent.loss_sum"])
        if self._scaler is not None:
            self._scaler.load_state_dict({name: value.item() for name, value in found.part("scaler").items()})

    def _gradients(self, index_N: Tensor) -> None:
        """The exact mean gradient over all rows of one update, batch by batch."""
        weight = self._loss.weight(self._rows.target_N, index_N)
        batches = torch.split(index_N, self._spec.batch_size)
        for number, index_B in enumerate(batches, start=1):
            forward = self._network.forward
            with self._network.unsynced(more_to_come=number < len(batches)):
                if self._mitigation is None:
                    minimised = loss = self.share_loss(forward, index_B)
                    # Ranks average their gradients, and each one's loss is a part of the sum: hence world_size.
                    share = self._place.world_size / weight
                else:
                    minimised, loss = self.mitigated(forward, index_B)
                    share = self._loss.weight(self._rows.target_N, index_B) / weight
                self._sum += loss.detach()
                scale = torch.ones_like(minimised) * share
                torch.autograd.backward(minimised, scale if self._scaler is None else self._scaler.scale(scale))

    def _step(self) -> None:
        if self._spec.clip_norm is not None:
            if self._scaler is not None:
                self._scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self._network.module.parameters(), self._spec.clip_norm)
        if self._scaler is None:
            self.optimizer.step()
        else:
            self._scaler.step(self.optimizer)
            self._scaler.update()

    def _advice(self) -> str:
        spec = self._spec
        clip = "" if spec.clip_norm else ", `training.clip_norm: 1.0`"
        precision = "" if spec.precision == "fp32" else ", `training.precision: fp32`"
        rate = f"`training.lr: {spec.lr / 10:g}` (now {spec.lr:g})"
        return f"{rate}{clip}{precision}, or look for extreme values in the numeric columns"

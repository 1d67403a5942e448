"""How far a training has come, which epoch was best, and whether to stop: plain data and pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from assay.artifacts import Epoch
from assay.spec.training import EarlyStoppingSpec
from assay.training._metrics import greater_is_better


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`epoch` (from 1) is under way and `update` updates of it are done; `epochs` are those behind.

    `reference` is the value that has to be beaten by `min_delta` within `patience` epochs, of which `n_stale` have
    passed. `stopped` says why training ended; empty while it has not.
    """

    epoch: int = 1
    update: int = 0
    seconds: float = 0.0
    epochs: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    best: float | None = None
    reference: float | None = None
    n_stale: int = 0
    stopped: str = ""
    n_parameters: int = 0

    @property
    def under_way(self) -> bool:
        """True when training has begun and not ended."""
        return (self.epoch, self.update) != (1, 0) and not self.stopped

    def after(self, epoch: Epoch, n_epochs: int, stopping: EarlyStoppingSpec | None) -> Progress:
        """The progress once `epoch` has ended."""
        rule = stopping or EarlyStoppingSpec()
        value = epoch.valid_loss if rule.metric == "loss" else dict(epoch.metrics)[rule.metric]
        rising = greater_is_better(rule.metric)
        is_best = _better(value, self.best, rising)
        is_progress = _better(value, self.reference, rising, rule.min_delta)
        n_stale = 0 if is_progress else self.n_stale + 1
        return replace(
            self,
            epoch=epoch.epoch + 1,
            update=0,
            seconds=0.0,
            epochs=(*self.epochs, epoch),
            best_epoch=epoch.epoch if is_best or not self.best_epoch else self.best_epoch,
            best=value if is_best else self.best,
            reference=value if is_progress else self.reference,
            n_stale=n_stale,
            stopped=_reason(epoch.epoch, n_epochs, n_stale, stopping),
        )


def _better(value: float, than: float | None, rising: bool, by: float = 0.0) -> bool:
    if math.isnan(value):
        return False
    return than is None or (value > than + by if rising else value < than - by)


def _reason(epoch: int, n_epochs: int, n_stale: int, stopping: EarlyStoppingSpec | None) -> str:
    if stopping is not None and n_stale >= stopping.patience:
        return f"{stopping.metric} of the valid fold did not improve for {n_stale} epochs"
    return f"all {n_epochs} epochs done" if epoch >= n_epochs else ""

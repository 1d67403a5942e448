"""The learning rate as a function of the update: no state, so a resumed training needs none."""

from __future__ import annotations

import math

from assay.spec.training import ScheduleSpec

# 1cycle (Smith & Topin 2018) as in torch: it starts at 1/25 of the top rate and rises over 30 % of all updates.
ONECYCLE_START_FRAC = 1 / 25
ONECYCLE_RISE_FRAC = 0.3


def factor(schedule: ScheduleSpec, update: int, n_updates: int, updates_per_epoch: int) -> float:
    """What `lr` is multiplied by in update `update` (from 0) of `n_updates`.

    The rate rises linearly over `warmup_epochs`, then follows the schedule over the updates that are left. `onecycle`
    has a rise of its own (a cosine), as long as the warm-up where there is one.
    """
    warmup = round(schedule.warmup_epochs * updates_per_epoch)
    if schedule.name == "onecycle":
        return _onecycle(schedule.final_frac, update, n_updates, warmup or ONECYCLE_RISE_FRAC * n_updates)
    if update < warmup:
        return (update + 1) / (warmup + 1)
    progress = (update - warmup) / max(1, n_updates - warmup)
    match schedule.name:
        case "cosine":
            return _between(1.0, schedule.final_frac, progress)
        case "linear":
            return 1.0 + (schedule.final_frac - 1.0) * progress
        case "step":
            return float(schedule.gamma ** (update // updates_per_epoch // schedule.step_epochs))
        case _:
            return 1.0


def _between(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` to `end` (Loshchilov & Hutter 2017)."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _onecycle(final_frac: float, update: int, n_updates: int, rise: float) -> float:
    top = rise - 1
    if update <= top:
        return _between(ONECYCLE_START_FRAC, 1.0, update / max(top, 1e-12))
    return _between(1.0, final_frac, (update - top) / max(n_updates - 1 - top, 1e-12))

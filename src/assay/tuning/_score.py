"""What a trial is worth: the metric at the epoch that its training would keep."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay import training
from assay.artifacts import Epoch
from assay.spec.training import EarlyStoppingSpec


def value(epoch: Epoch, metric: str) -> float:
    """`metric` of the valid fold after an epoch; not a number where it was not computed."""
    return epoch.valid_loss if metric == "loss" else dict(epoch.metrics).get(metric, math.nan)


def scores(trainings: Sequence[Sequence[Epoch]], metric: str) -> tuple[float, ...]:
    """The metric after each epoch, the mean over the trainings of a trial."""
    return tuple(mean([value(epoch, metric) for epoch in epochs]) for epochs in zip(*trainings, strict=False))


def score(trainings: Sequence[Sequence[Epoch]], metric: str, rule: EarlyStoppingSpec | None) -> float:
    """The metric at the kept epoch: the best by the rule of early stopping; the mean over the trainings of a trial."""
    by = (rule or EarlyStoppingSpec()).metric
    sign = 1.0 if training.rises(by) else -1.0

    def kept(epochs: Sequence[Epoch]) -> Epoch:
        known = [epoch for epoch in epochs if not math.isnan(value(epoch, by))]
        return max(known or epochs, key=lambda epoch: sign * value(epoch, by))  # of equals the first

    return mean([value(kept(epochs), metric) for epochs in trainings])


def mean(values: Sequence[float]) -> float:
    """The mean; not a number where one of them is none."""
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan

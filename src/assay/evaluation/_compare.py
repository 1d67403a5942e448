"""Candidate and champion on the same rows."""

from __future__ import annotations

import math

import numpy as np

from assay.artifacts import Comparison, Interval, MetricValue, Predictions
from assay.errors import DataError
from assay.evaluation._intervals import bootstrap
from assay.evaluation._metrics import metrics_of
from assay.evaluation._scored import Scored, by_content, read
from assay.spec.evidence import EvaluationSpec
from assay.store import Store


def compare(
    candidate: Predictions,
    champion: Predictions,
    champion_version: int,
    excluded: int,
    metrics: tuple[str, ...],
    config: EvaluationSpec,
    store: Store,
) -> tuple[Comparison, ...]:
    """One comparison per metric that these rows have, on the rows that both predict; with no such row, 0 of 0."""
    pair = _on_common_rows(candidate, champion, store)
    known = metrics_of(candidate.target.task, candidate.target.n_outputs, config.quantiles)
    wanted = [known[name] for name in metrics if name in known and (known[name].applies(pair[0]) or not pair[0].n_rows)]
    differences = {metric.name: Interval(value=0.0, low=0.0, high=0.0, level=config.level) for metric in wanted}
    if pair[0].n_rows:
        ordered, seed = by_content(*pair)
        differences = bootstrap(wanted, ordered, seed, config.level, config.n_bootstrap)
    return tuple(
        Comparison(
            champion_version=champion_version,
            metric=metric.name,
            difference=_oriented(differences[metric.name], metric.greater_is_better),
            n_rows=pair[0].n_rows,
            n_excluded=excluded,
        )
        for metric in wanted
    )


def gain(first: MetricValue, second: MetricValue) -> Interval:
    """The difference of two independent estimates from their intervals: MOVER (Zou & Donner 2008).

    Each end recovers the spread of either estimate on the side where it matters. Of two Wilson intervals this is
    Newcombe's (1998) interval.
    """
    one, other = first.interval, second.interval
    value = other.value - one.value
    low = value - math.hypot(other.value - other.low, one.high - one.value)
    high = value + math.hypot(other.high - other.value, one.value - one.low)
    return _oriented(Interval(value=value, low=low, high=high, level=one.level), first.greater_is_better)


def _on_common_rows(candidate: Predictions, champion: Predictions, store: Store) -> tuple[Scored, Scored]:
    """Both predictions of the same rows, with the champion's classes in the candidate's order."""
    ours, our_rows = read(candidate, store)
    theirs, their_rows = read(champion, store)
    if (candidate.target.task, sorted(candidate.target.classes)) != (
        champion.target.task,
        sorted(champion.target.classes),
    ):
        raise DataError(
            f"the champion predicts {_what(champion)}; the candidate predicts {_what(candidate)}. "
            "Allowed: the same task and classes."
        )
    _, mine, other = np.intersect1d(our_rows, their_rows, assume_unique=True, return_indices=True)
    ours, theirs = ours.take(mine), theirs.take(other)
    if theirs.p_NK is not None:
        place = np.array([champion.target.classes.index(name) for name in candidate.target.classes])
        theirs = Scored(ours.y_N, np.argsort(place)[theirs.y_hat_N], theirs.p_NK[:, place], ours.positive)
    return ours, theirs


def _oriented(difference: Interval, greater_is_better: bool) -> Interval:
    if greater_is_better:
        return difference
    value, low, high = -difference.value, -difference.high, -difference.low
    return Interval(value=value, low=low, high=high, level=difference.level)


def _what(predictions: Predictions) -> str:
    classes = ", ".join(predictions.target.classes[:5])
    return f"{predictions.target.task} of {classes}" if classes else predictions.target.task

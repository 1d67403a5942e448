"""What a search came to: its winner, its front, and what mattered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from assay import training
from assay.artifacts import Search, Trial
from assay.errors import TrainingError, examples
from assay.spec import Spec
from assay.spec.tuning import ConstraintSpec, TuneSpec
from assay.tuning._slots import n_workers
from assay.tuning._trials import Trials

RISE = {"n_parameters": False, "latency_ms": False}


def search(spec: Spec, trials: Trials, ended: str, *, partial: bool) -> Search:
    """The result. Raises TrainingError when no trial has a score."""
    tune = spec.tune
    assert tune is not None
    names = objectives(tune)
    found = trials.all
    kept = [trial for trial in found if excess(trial, tune.subject_to, tune.metric) <= 0]
    best_of = best(kept, good(names)) or _nearest(found, tune)
    if best_of is None:
        reasons = sorted({trial.reason for trial in found if trial.reason})
        raise TrainingError(f"None of {len(found)} trials came to a score: {examples(reasons) or 'none was finished'}.")
    return Search(
        metric=tune.metric,
        greater_is_better=names[0][1],
        trials=found,
        winner=best_of.number,
        algorithm=tune.algorithm.name,
        scheduler=tune.scheduler.name if tune.scheduler else "",
        objectives=names,
        front=front(found, names) if len(names) > 1 else (),
        importances=_importances(tune, found, names[0][1], spec.seed),
        kept=best_of in kept,
        n_epochs=trials.n_epochs,
        n_workers=n_workers(spec),
        seconds=trials.seconds,
        device_seconds=trials.device_seconds * max(tune.cpus, tune.gpus),
        ended=ended if partial or found[-1].number + 1 < tune.trials else f"{len(found)} trials",
        partial=partial,
    )


def objectives(tune: TuneSpec) -> tuple[tuple[str, bool], ...]:
    """All that is to be good, the metric first, each with whether greater is better."""
    more = [(each.name, RISE.get(each.name, training.rises(each.metric or ""))) for each in tune.objectives]
    return ((tune.metric, training.rises(tune.metric)), *more)


def good(names: Sequence[tuple[str, bool]]) -> Callable[[float | None], float]:
    """The metric turned so that greater is better."""

    def turned(value: float | None) -> float:
        return -math.inf if value is None else value if names[0][1] else -value

    return turned


def best(trials: Iterable[Trial], good: Callable[[float | None], float]) -> Trial | None:
    """The trial with the best score; of equals the first. None when no trial has one."""
    scored = [trial for trial in trials if trial.score is not None and trial.state != "failed"]
    return max(scored, key=lambda trial: (good(trial.score), -trial.number), default=None)


def excess(trial: Trial, bounds: Sequence[ConstraintSpec], metric: str) -> float:
    """By how much a trial breaks its worst bound; 0 or less where it keeps all, infinite where one is unknown."""
    known = dict(trial.measures) | ({} if trial.score is None else {metric: trial.score})
    return max((bound.excess(known[bound.name]) if bound.name in known else math.inf for bound in bounds), default=0.0)


def front(trials: Iterable[Trial], names: Sequence[tuple[str, bool]]) -> tuple[int, ...]:
    """The trials that none is better than in every objective (Pareto), by the first objective."""
    points: dict[int, tuple[float, ...]] = {}
    for trial in trials:
        known = dict(trial.measures) | ({} if trial.score is None else {names[0][0]: trial.score})
        if trial.state == "done" and all(name in known for name, _ in names):
            points[trial.number] = tuple(-known[name] if rises else known[name] for name, rises in names)
    kept = [n for n, point in points.items() if not any(_dominates(other, point) for other in points.values())]
    return tuple(sorted(kept, key=lambda number: points[number]))


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def _nearest(trials: Iterable[Trial], tune: TuneSpec) -> Trial | None:
    """Where no trial keeps the bounds, the one that breaks them least."""
    scored = [trial for trial in trials if trial.score is not None and trial.state != "failed"]
    return min(scored, key=lambda trial: excess(trial, tune.subject_to, tune.metric), default=None)


def _importances(tune: TuneSpec, trials: Sequence[Trial], rises: bool, seed: int) -> tuple[tuple[str, float], ...]:
    if len(tune.space) < 2:  # a lone parameter explains everything
        return ()
    from assay.tuning import _optuna

    found: dict[str, Any] = _optuna.importances(tune.space, trials, rises, seed)
    return tuple(sorted(found.items(), key=lambda pair: -pair[1]))

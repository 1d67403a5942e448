"""The trials of a search as Optuna sees them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from assay.artifacts import Trial, to_json
from assay.spec.tuning import ParameterSpec
from assay.tuning._asking import Asking
from assay.tuning._space import Space, draw

BOUNDS = "constraints"  # where Optuna keeps by how much a trial breaks its bounds
MIN_TRIALS = 4  # fewer say nothing of what matters
optuna.logging.set_verbosity(optuna.logging.ERROR)


def distribution(parameter: ParameterSpec) -> BaseDistribution:
    """A parameter in Optuna's words. What can be chosen is named by its JSON, for it may be a list or a mapping."""
    if parameter.choice is not None:
        return CategoricalDistribution([to_json(value) for value in parameter.choice])
    low, high = parameter.bounds
    if parameter.kind == "int":
        return IntDistribution(int(low), int(high), step=int(parameter.step or 1))
    if parameter.kind == "log_int":
        return IntDistribution(int(low), int(high), log=True)
    return FloatDistribution(low, high, log=parameter.kind == "log_uniform", step=parameter.step)


def suggest(asking: Asking, sampler: Literal["tpe", "gp"], n_startup: int) -> dict[str, Any]:
    """The values that a sampler proposes after the trials so far."""
    seed = int(asking.random().integers(2**31))
    if sampler == "gp":
        made: BaseSampler = GPSampler(seed=seed, n_startup_trials=n_startup)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            made = TPESampler(seed=seed, n_startup_trials=n_startup, multivariate=True, group=True, constant_liar=True)
    directions = [StudyDirection.MAXIMIZE if rises else StudyDirection.MINIMIZE for _, rises in asking.objectives]
    study = optuna.create_study(directions=directions, sampler=made)
    study.add_trials([frozen(asking, trial) for trial in asking.trials])
    trial = study.ask()

    def pick(name: str, parameter: ParameterSpec) -> Any:
        of = distribution(parameter)
        if isinstance(of, CategoricalDistribution):
            return json.loads(str(trial.suggest_categorical(name, of.choices)))
        if isinstance(of, IntDistribution):
            return trial.suggest_int(name, of.low, of.high, step=of.step, log=of.log)
        assert isinstance(of, FloatDistribution)
        return trial.suggest_float(name, of.low, of.high, step=of.step, log=of.log)

    return draw(asking.space, pick)


def frozen(asking: Asking, trial: Trial) -> FrozenTrial:
    """A trial with what it came to: pruned where it has not come to its end, with its scores so far."""
    losses = asking.losses(trial)
    whole = trial.state == "done" and losses is not None
    single = len(asking.objectives) == 1
    if whole:
        state = TrialState.COMPLETE
    elif trial.state == "running" and not trial.scores:
        state = TrialState.RUNNING
    else:
        state = TrialState.PRUNED if trial.scores and single and trial.state != "failed" else TrialState.FAIL
    known = dict(trial.measures)
    values = [trial.score, *(known.get(name) for name, _ in asking.objectives[1:])]
    return create_trial(
        **_params(asking.space, trial),
        values=[float(value) for value in values if value is not None] if whole else None,
        intermediate_values=dict(enumerate(trial.scores, start=1)) if single else None,
        state=state,
        system_attrs={BOUNDS: _excesses(asking, trial)} if asking.bounds else None,
    )


def _params(space: Space, trial: Trial) -> dict[str, Any]:
    kept = dict(trial.values)
    names = [name for name in space if name in kept]
    return {
        "params": {name: kept[name] if space[name].choice else json.loads(kept[name]) for name in names},
        "distributions": {name: distribution(space[name]) for name in names},
    }


def _excesses(asking: Asking, trial: Trial) -> list[float]:
    """By how much each bound is broken; one that was not measured counts as just broken."""
    known = dict(trial.measures) | ({} if trial.score is None else {asking.objectives[0][0]: trial.score})
    return [bound.excess(known[bound.name]) if bound.name in known else 1.0 for bound in asking.bounds]


def importances(space: Space, trials: Sequence[Trial], rises: bool, seed: int) -> dict[str, float]:
    """The share of the score's variance that each parameter explains (fANOVA, Hutter et al. 2014).

    Of parameters that are there in every trial, and vary; empty where there are too few trials to tell.
    """
    scored = [trial for trial in trials if trial.score is not None and trial.state != "failed"]
    always = {name: space[name] for name in space if all(name in trial.settings for trial in scored)}
    if len(scored) < MIN_TRIALS or not always or len({trial.score for trial in scored}) == 1:
        return {}
    study = optuna.create_study(direction="maximize" if rises else "minimize")
    study.add_trials([create_trial(**_params(always, trial), value=trial.score) for trial in scored])
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return {name: float(value) for name, value in found.items()}

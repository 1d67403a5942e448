"""Looks for leakage, on the encoded rows of train and valid.

Shapes: N rows, F numeric features, C categorical features, D columns of the linear model, S shuffles, L levels.
"""

from __future__ import annotations

import math

import numpy as np

from assay.artifacts import Encoded, LeakProbe, LeakReport, Preprocessing, TargetInfo, TrainingArrays
from assay.evaluation._scored import Array
from assay.store import Store

MOST_DUPLICATES = 0.01
TOO_GOOD = 0.99
MOST_ROWS = 20_000
N_BINS = 64
CANARY_ROWS = 5_000
CANARY_COLUMNS = 500
CANARY_LEVELS = 50
N_SHUFFLES = 100
CHANCE_ERRORS = 4.0  # standard errors; one honest run in 16,000 lies beyond


def probe(
    arrays: TrainingArrays, prepared: Preprocessing, duplicates: tuple[tuple[str, int], ...], seed: int, store: Store
) -> LeakReport:
    """All probes. None of them sees a row of the test fold; duplicates were counted before, by content."""
    return LeakReport(
        probes=(
            *(_duplicates(pair, n, arrays.train.n_rows) for pair, n in duplicates),
            _single_feature(arrays.train, prepared, store),
            _canary(arrays, prepared.target, seed, store),
        )
    )


def _duplicates(pair: str, n: int, n_train: int) -> LeakProbe:
    share = n / max(n_train, 1)
    second = pair.partition("/")[2]
    return LeakProbe(
        name=f"duplicates {pair}",
        value=share,
        bound=MOST_DUPLICATES,
        suspicious=share > MOST_DUPLICATES,
        detail=f"{n:,} rows of {second} have the same features and target as a row of {pair.partition('/')[0]} "
        f"({share:.2%} of the train rows). If they are the same thing measured twice, split by group.",
    )


def _single_feature(train: Encoded, prepared: Preprocessing, store: Store) -> LeakProbe:
    """How well the best single feature predicts the target: level means of every other row, tried on the rest."""
    step = math.ceil(train.n_rows / MOST_ROWS)
    target_N = np.asarray(store.array(train.target)[::step])
    numeric_NF, codes_NC = store.array(train.numeric)[::step], store.array(train.codes)[::step]
    levels = {name: _binned(numeric_NF[:, f]) for f, name in enumerate(prepared.numeric)}
    levels |= {feature.name: np.asarray(codes_NC[:, c]) for c, feature in enumerate(prepared.categorical)}
    power = {name: predictive_power(level_N, target_N, prepared.target) for name, level_N in levels.items()}
    what = "AUC" if prepared.target.task == "classification" else "correlation"
    best = max(power, key=lambda name: power[name], default="")
    value = power.get(best, 0.0)
    suspects = [f"{name!r} ({power[name]:.4f})" for name in power if power[name] > TOO_GOOD]
    detail = f"The strongest feature alone is {best!r} with {what} {value:.3f}."
    if suspects:
        detail = f"{', '.join(suspects[:5])}: {what} alone above {TOO_GOOD}. Is it known before the target? If not, "
        detail += "put it under `features.exclude`."
    return LeakProbe(name="single feature", value=value, bound=TOO_GOOD, suspicious=value > TOO_GOOD, detail=detail)


def predictive_power(level_N: Array, target_N: Array, target: TargetInfo) -> float:
    """AUC (mean over classes) or correlation of a feature's level means with the target, on rows they were not made of.

    0.5 is no power for classes, 0 for numbers.
    """
    _, level_N = np.unique(level_N, return_inverse=True)
    n_levels = int(level_N.max()) + 1
    made, tried = slice(0, None, 2), slice(1, None, 2)
    if target.task == "regression":
        score_N = _level_means(level_N[made], target_N[made], n_levels)[level_N[tried]]
        return float(abs(_correlation(score_N[:, None], target_N[tried])[0]))
    classes = range(len(target.classes)) if target.positive is None else (target.positive,)
    areas = []
    for k in classes:
        own_N = target_N == k
        if 0 < own_N[tried].sum() < len(own_N[tried]):
            score_L = _level_means(level_N[made], own_N[made].astype(float), n_levels)
            areas.append(_auc_of_levels(score_L, level_N[tried], own_N[tried]))
    return float(np.mean(areas)) if areas else 0.5


def _binned(x_N: Array) -> Array:
    edges = np.unique(np.quantile(x_N[::2], np.linspace(0, 1, N_BINS + 1)[1:-1]))
    return np.searchsorted(edges, x_N)


def _level_means(level_N: Array, t_N: Array, n_levels: int) -> Array:
    """The mean target of each level; of a level without rows, the mean of all."""
    n_L = np.bincount(level_N, minlength=n_levels)
    sum_L = np.bincount(level_N, t_N, n_levels)
    return np.where(n_L > 0, sum_L / np.maximum(n_L, 1), t_N.mean())


def _auc_of_levels(score_L: Array, level_N: Array, own_N: Array) -> float:
    _, rank_L = np.unique(score_L, return_inverse=True)
    own_R = np.bincount(rank_L[level_N[own_N]], minlength=len(score_L))
    other_R = np.bincount(rank_L[level_N[~own_N]], minlength=len(score_L))
    below_R = np.cumsum(other_R) - other_R / 2
    return float((own_R * below_R).sum() / (own_R.sum() * other_R.sum()))


def _canary(arrays: TrainingArrays, target: TargetInfo, seed: int, store: Store) -> LeakProbe:
    """A ridge regression on shuffled train labels must know nothing of valid.

    One shuffle is not a test: a random direction in strongly correlated features scores far from zero by luck. So one
    factorisation serves a hundred shuffles, and their mean is held against its own standard error.
    """
    rng = np.random.default_rng(seed)
    x_ND, t_N = _design(arrays.train, target, store)
    x_valid_ND, t_valid_N = _design(arrays.valid, target, store)
    shuffled_NS = np.stack([rng.permutation(t_N) for _ in range(N_SHUFFLES)], axis=1)
    found_S = canary_correlations(x_ND, shuffled_NS, x_valid_ND, t_valid_N)
    value, bound = float(found_S.mean()), CHANCE_ERRORS * float(found_S.std()) / math.sqrt(N_SHUFFLES)
    return LeakProbe(
        name="shuffled labels",
        value=value,
        bound=bound,
        suspicious=abs(value) > bound,
        detail=f"Linear models fitted on {N_SHUFFLES} shuffles of the train labels correlate with valid by {value:.4f} "
        f"on average; chance allows {bound:.4f}.",
    )


def canary_correlations(x_ND: Array, t_NS: Array, x_valid_ND: Array, t_valid_N: Array) -> Array:
    """For each column of targets: fit a ridge on train, and correlate its predictions on valid with the truth there."""
    mean_D = x_ND.mean(axis=0)
    x_ND, x_valid_ND = x_ND - mean_D, x_valid_ND - mean_D
    gram_DD = x_ND.T @ x_ND + np.eye(x_ND.shape[1]) * (1e-3 * len(x_ND))
    w_DS = np.linalg.solve(gram_DD, x_ND.T @ (t_NS - t_NS.mean(axis=0)))
    return _correlation(x_valid_ND @ w_DS, t_valid_N)


def _design(fold: Encoded, target: TargetInfo, store: Store) -> tuple[Array, Array]:
    """A sample of rows: numeric features and the first levels of each category; the target as one number."""
    step = math.ceil(fold.n_rows / CANARY_ROWS)
    codes_NC = np.asarray(store.array(fold.codes)[::step])
    onehot = [codes_NC[:, [c]] == np.arange(CANARY_LEVELS) for c in range(codes_NC.shape[1])]
    x_ND = np.hstack([store.array(fold.numeric)[::step], *onehot]).astype(float)[:, :CANARY_COLUMNS]
    t_N = np.asarray(store.array(fold.target)[::step])
    if target.task == "classification":
        t_N = t_N == (target.positive if target.positive is not None else int(np.argmax(target.class_counts)))
    return x_ND, t_N.astype(float)


def _correlation(score_NS: Array, t_N: Array) -> Array:
    """Pearson's correlation of each column with `t_N`; 0 where either is constant."""
    score_NS, t_N = score_NS - score_NS.mean(axis=0), t_N - t_N.mean()
    size_S = np.sqrt((score_NS**2).sum(axis=0) * (t_N**2).sum())
    return np.asarray(np.divide(t_N @ score_NS, size_S, out=np.zeros(score_NS.shape[1]), where=size_S > 1e-12))

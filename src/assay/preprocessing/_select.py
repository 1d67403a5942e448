"""Which features are worth keeping, judged on training rows.

B rows of a batch, F numeric features, G all features, S sampled rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.artifacts import Task
from assay.errors import DataError
from assay.preprocessing._learn import Feature
from assay.preprocessing._numeric import FittedNumber, Missing
from assay.preprocessing._read import Floats
from assay.preprocessing._rows import TrainRows
from assay.spec.preprocessing import SelectSpec

N_SAMPLED = 10_000  # rows for mutual information, whose cost grows faster than they do

Mask = NDArray[np.bool_]


def select(features: list[Feature], config: SelectSpec, rows: TrainRows, task: Task) -> tuple[list[Feature], list[str]]:
    """The features that pass every rule, and a note per rule about those that did not.

    Constant ones are gone already. Redundant ones go before the most informative are picked, lest they fill the places.
    """
    notes: list[str] = []
    if config.min_variance is not None:
        keep_G = np.array([found.variance >= config.min_variance for found in features])
        features = _keep(features, keep_G, "min_variance", notes)
    if config.max_correlation is not None:
        keep_G = np.ones(len(features), bool)
        n_numeric = sum(isinstance(found, FittedNumber) for found in features)
        if n_numeric > 1:
            keep_G[:n_numeric] = uncorrelated(moments(rows.numeric(features))[1], config.max_correlation)
        features = _keep(features, keep_G, "max_correlation", notes)
    if config.top_mutual_information is not None:
        numeric_SF, codes_SC, y_S = rows.sample(features, N_SAMPLED)
        discrete_G = np.array([not _is_number(found) for found in features])
        x_SG = np.hstack([numeric_SF.astype(np.float64), codes_SC])
        keep_G = most_informative(x_SG, discrete_G, y_S, task, config.top_mutual_information)
        features = _keep(features, keep_G, "top_mutual_information", notes)
    return features, notes


def moments(batches: Iterable[NDArray[np.float32]]) -> tuple[Floats, Floats]:
    """Mean [F] and covariance [F, F] of all rows, read as batches [B, F].

    Sums are taken of differences from the first batch's mean, so that a large offset costs no digits.
    """
    n_rows = 0
    for batch_BF in batches:
        x_BF = batch_BF.astype(np.float64)
        if n_rows == 0:
            shift_F = x_BF.mean(axis=0)
            sum_F, products_FF = np.zeros_like(shift_F), np.zeros((len(shift_F), len(shift_F)))
        x_BF -= shift_F
        n_rows += len(x_BF)
        sum_F += x_BF.sum(axis=0)
        products_FF += x_BF.T @ x_BF
    mean_F = sum_F / n_rows
    return shift_F + mean_F, (products_FF - n_rows * np.outer(mean_F, mean_F)) / (n_rows - 1)


def uncorrelated(covariance_FF: Floats, limit: float) -> Mask:
    """False for every feature whose |Pearson correlation| with an earlier one that is kept is above `limit`."""
    std_F = np.sqrt(np.diag(covariance_FF))
    above_FF = np.abs(covariance_FF) > limit * np.outer(std_F, std_F)
    keep_F = np.ones(len(std_F), bool)
    for f in range(1, len(std_F)):
        keep_F[f] = not (above_FF[f, :f] & keep_F[:f]).any()
    return keep_F


def most_informative(x_SG: Floats, discrete_G: Mask, y_S: NDArray[Any], task: Task, k: int) -> Mask:
    """True for the `k` features with the most mutual information with the target.

    Estimated by nearest neighbours (Kraskov et al. 2004; Ross 2014), whose jitter has a fixed seed.
    """
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    estimate = mutual_info_classif if task == "classification" else mutual_info_regression
    information_G = estimate(x_SG, y_S, discrete_features=discrete_G, random_state=0)
    keep_G = np.zeros(len(information_G), bool)
    keep_G[np.argsort(-information_G, kind="stable")[:k]] = True
    return keep_G


def _is_number(found: Feature) -> bool:
    return isinstance(found, FittedNumber) and not isinstance(found.feature, Missing)


def _keep(features: Sequence[Feature], keep_G: Mask, rule: str, notes: list[str]) -> list[Feature]:
    dropped = [found.feature.name for found, keep in zip(features, keep_G, strict=True) if not keep]
    if dropped:
        notes.append(f"left out by select.{rule}: {', '.join(map(repr, dropped))}.")
    if len(dropped) == len(features):
        raise DataError(f"preprocessing.select.{rule} leaves no feature. Allowed: a bound that some feature passes.")
    return [found for found, keep in zip(features, keep_G, strict=True) if keep]

"""From training rows to a `Preprocessing`: learn every feature, keep the useful ones, store what was learned.

F numeric features, K knots, P principal components, S sampled rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assay.artifacts import CategoricalFeature, Column, Preprocessing, Task, TrainFold
from assay.errors import DataError
from assay.preprocessing import _pca, _signal, _target
from assay.preprocessing._categorical import FittedCategory
from assay.preprocessing._learn import learn
from assay.preprocessing._numeric import N_KNOTS, FittedNumber, quantiles
from assay.preprocessing._rows import TrainRows
from assay.preprocessing._rules import Rules
from assay.preprocessing._select import moments, select
from assay.preprocessing._state import write
from assay.spec.data import TargetSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.store import Store

N_SAMPLED = 100_000  # rows for the knots of principal components


def fit(
    train: TrainFold,
    config: PreprocessingSpec,
    columns: tuple[Column, ...],
    target: TargetSpec,
    task: Task,
    store: Store,
) -> Preprocessing:
    """See `assay.preprocessing.fit`."""
    assert all(column.name != target.column for column in columns), "the target is no feature"
    if not train.n_rows:
        raise DataError("the train fold has no rows. Allowed: at least two.")
    info = _target.fit(store.rows(train, [target.column]).column(0), target, task)
    rules = Rules(config, _signal.apart(config, columns)[1])
    mistakes = (*_signal.mistakes(config, columns), *rules.mistakes)
    if mistakes:
        raise DataError("\n".join(map(str, mistakes)))
    signal, columns = _signal.fit(train, config, columns, store)
    learned = learn(rules, config.create, lambda name: store.rows(train, [name]).column(0))
    if not learned.features and signal is None:
        raise DataError("\n".join(["no feature is left. Allowed: at least one column that varies.", *learned.notes]))
    rows = TrainRows(train, learned.columns, info, store)
    features, notes = select(learned.features, config.select, rows, task)
    state, arrays = rows.learned(features)
    numeric = [found for found in features if isinstance(found, FittedNumber)]
    categories = [found for found in features if isinstance(found, FittedCategory)]
    knots_FK = np.array([found.knots_K for found in numeric]).reshape(-1, N_KNOTS)
    if config.pca is not None and numeric:
        mean_F, covariance_FF = moments(rows.numeric(numeric))
        pca_PF = _pca.components(covariance_FF, config.pca.n_components)
        state, arrays = replace(state, n_components=len(pca_PF)), replace(arrays, pca_mean_F=mean_F, pca_PF=pca_PF)
        scores_SP = (rows.sample(numeric, N_SAMPLED)[0] - mean_F) @ pca_PF.T
        knots_FK = np.array([quantiles(np.sort(scores_S), np.linspace(0, 1, N_KNOTS)) for scores_S in scores_SP.T])
    if signal is not None:
        state = signal.joined(state)
    state_blob, arrays_blob = write(state, arrays, store)
    return Preprocessing(
        state=state_blob,
        arrays=arrays_blob,
        knots=store.put_array(knots_FK.astype(np.float32), "knots.npy"),
        inputs=state.inputs,
        numeric=state.numeric,
        categorical=tuple(
            CategoricalFeature(
                name=one.feature.name, n_levels=one.feature.n_levels, encode=one.feature.encode, shares=one.shares
            )
            for one in categories
        ),
        target=info,
        notes=(*learned.notes, *notes, *(signal.notes if signal else ())),
        signal=signal.reader.signal if signal else None,
    )

"""Families without torch: fitted in one call, described as one epoch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from safetensors.numpy import save

from assay import models
from assay.artifacts import Encoded, Epoch, Events, Model, Preprocessing, TrainingArrays, as_data, to_json
from assay.store import Store


def fit(
    arrays: TrainingArrays,
    prepared: Preprocessing,
    family: str,
    options: dict[str, Any],
    *,
    store: Store,
    events: Events,
) -> Model:
    """The fitted model. Its losses are those of torch families: log loss, or the mean squared standardised error."""
    started = time.perf_counter()
    target = prepared.target
    numeric, codes, y = (store.array(blob) for blob in (arrays.train.numeric, arrays.train.codes, arrays.train.target))
    weights = models.fit(family, options, numeric, codes, y, target.task, target.n_outputs)

    def loss(encoded: Encoded) -> float:
        scores_BO = models.score(family, options, weights, store.array(encoded.numeric), store.array(encoded.codes))
        y_B = store.array(encoded.target)
        if target.task == "regression":
            return float(np.square(scores_BO[:, 0].astype(np.float64) - y_B).mean())
        log_sum_B = np.logaddexp.reduce(scores_BO.astype(np.float64), axis=1)
        return float((log_sum_B - scores_BO[np.arange(len(y_B)), y_B]).mean())

    train_loss, valid_loss = loss(arrays.train), loss(arrays.valid)
    seconds = round(time.perf_counter() - started, 6)
    epoch = Epoch(epoch=1, train_loss=train_loss, valid_loss=valid_loss, lr=0.0, seconds=seconds)
    events.emit("epoch", n_epochs=1, **as_data(epoch) | {"metrics": {}})
    return Model(
        family=family,
        options=to_json(options),
        weights=store.put(save(weights), "model.safetensors"),
        preprocessing=prepared,
        best_epoch=1,
        epochs=(epoch,),
        n_parameters=sum(value.size for value in weights.values()),
        stopped="fitted in closed form",
    )

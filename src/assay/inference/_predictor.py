"""A model as a function of an Arrow table. Torch is imported only for families that need it.

B rows, F numeric features, C categorical features, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay import models, preprocessing
from assay.artifacts import Calibration, Column, Model, TargetInfo
from assay.inference._thresholds import Threshold, of_rows
from assay.preprocessing._given import as_table
from assay.store import Store

if TYPE_CHECKING:
    from assay.preprocessing import Encoder
    from assay.preprocessing._encoder import Counts
    from assay.preprocessing._given import Value

Scorer = Callable[..., NDArray[np.float32]]  # of what a network takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """`y_hat` [B]: class indices (int32), or float64 in the units of the target. `p_BO` float32: probabilities, or None
    in regression.
    """

    y_hat: NDArray[Any]
    p_BO: NDArray[np.float32] | None


class Predictor:
    """Raw rows to predictions. Holds no state that a call changes, so threads may share it."""

    def __init__(self, model: Model, calibration: Calibration, encoder: Encoder, scorer: Scorer) -> None:
        self.model, self.calibration, self.encoder = model, calibration, encoder
        self._scorer = scorer

    def __call__(self, table: pa.Table | pa.RecordBatch) -> Predicted:
        """Predict every row. The table needs the columns `inputs`; others are ignored."""
        return self._predicted(self._threshold(table), *self.encoder.features(table))

    def rows(self, rows: Sequence[Mapping[str, Value]]) -> Predicted:
        """Predict a few rows of plain values, sooner than a table of them."""
        *arrays, _ = self.encoder.rows(rows)
        by_group = self.calibration.by_group
        told = None if by_group is None else as_table(rows, by_group.columns)
        return self._predicted(self._threshold(told), *arrays)

    def counted(
        self, table: pa.Table | pa.RecordBatch, rows_B: NDArray[np.int64] | None = None
    ) -> tuple[Predicted, Counts]:
        """The same, with how many values were missing or never seen in training. An error calls rows by `rows_B`."""
        *arrays, counts = self.encoder.counted(table, rows_B)
        return self._predicted(self._threshold(table), *arrays), counts

    def _threshold(self, table: pa.Table | pa.RecordBatch | None) -> Threshold:
        """The threshold of all rows, or of each."""
        by_group, threshold = self.calibration.by_group, self.calibration.threshold
        return threshold if by_group is None or table is None else of_rows(table, by_group, threshold)

    def _predicted(self, threshold: Threshold, *arrays: NDArray[Any]) -> Predicted:
        scores_BO = self._scorer(*arrays)
        if self.target.task == "regression":
            return Predicted(y_hat=self.encoder.to_units(scores_BO[:, 0]), p_BO=None)
        p_BO = probabilities(scores_BO, self.calibration.temperature)
        return Predicted(y_hat=classes(p_BO, self.target, threshold), p_BO=p_BO)

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The raw columns that it takes."""
        return self.calibration.inputs(self.model.preprocessing)

    @property
    def target(self) -> TargetInfo:
        """What is predicted."""
        return self.model.preprocessing.target


def load(model: Model, calibration: Calibration, store: Store, root: Path | None) -> Predictor:
    """The predictor of `model`."""
    encoder = preprocessing.encoder(model.preprocessing, store=store)
    return Predictor(model, calibration, encoder, scorer(model, store, root))


def probabilities(scores_BO: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """The softmax of scores / temperature (Guo et al. 2017). Temperature 1 changes nothing; above it, less certain."""
    scaled_BO = scores_BO.astype(np.float64) / temperature
    p_BO = np.exp(scaled_BO - scaled_BO.max(axis=1, keepdims=True))
    p_BO /= p_BO.sum(axis=1, keepdims=True)
    return np.asarray(p_BO, np.float32)


def classes(p_BO: NDArray[np.float32], target: TargetInfo, threshold: Threshold) -> NDArray[np.int32]:
    """The most probable class, or with a threshold the positive class where its probability reaches it."""
    if threshold is None or target.positive is None:
        return np.asarray(p_BO.argmax(axis=1), np.int32)
    is_positive_B = p_BO[:, target.positive] >= threshold
    return np.where(is_positive_B, target.positive, 1 - target.positive).astype(np.int32)


def scorer(model: Model, store: Store, root: Path | None) -> Scorer:
    """Encoded rows to scores, before calibration."""
    if models.is_torch(model.family):
        from assay.inference import _torch

        return _torch.scorer(model, store, root)

    import json

    from safetensors.numpy import load as load_weights

    options, weights = json.loads(model.options), load_weights(store.read(model.weights))
    return lambda *arrays: models.score(model.family, options, weights, *arrays[:2])

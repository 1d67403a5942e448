"""A model as a function from rows to explanations.

B rows, F features, R raw columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay import inference, models
from assay.artifacts import Calibration, Contribution, Explanation, Model
from assay.explain import _columns
from assay.explain._network import Attributions, Network
from assay.inference._predictor import Predictor
from assay.preprocessing._encoder import Encoder
from assay.preprocessing._given import Value, as_table
from assay.preprocessing._state import Arrays, State, read
from assay.store import Store


class Explainer:
    """Rows to explanations. Holds no state that a call changes, so threads may share it."""

    def __init__(self, predictor: Predictor, state: State, arrays: Arrays, net: Network | None) -> None:
        self.predictor, self.model, self._net = predictor, predictor.model, net
        self.columns = tuple(column.name for column in self.model.preprocessing.inputs)
        # Contributions are of features before principal components are made of them.
        self._encoder = Encoder(replace(state, n_components=0), replace(arrays, pca_mean_F=None, pca_PF=None))
        self._share_FR = _columns.shares(state, self.model.preprocessing)

    def __call__(self, rows: pa.Table | Sequence[Mapping[str, Value]]) -> tuple[Explanation, ...]:
        """Why each row has its prediction."""
        table = rows if isinstance(rows, pa.Table) else as_table(rows, self.predictor.inputs)
        found, predicted = self.attributions(table), self.predictor(table)
        values, classes = _columns.texts(table, self.columns), self.predictor.target.classes
        return tuple(
            Explanation(
                predicted=classes[int(predicted.y_hat[b])] if classes else f"{predicted.y_hat[b]:.6g}",
                of=self.said(int(found.class_B[b])),
                score=float(found.score_B[b]),
                base=float(found.base_B[b]),
                contributions=tuple(
                    Contribution(column=self.columns[r], value=values[b][r], amount=float(found.amounts_BR[b, r]))
                    for r in np.argsort(-np.abs(found.amounts_BR[b]), kind="stable")
                ),
                error=float(found.missed_B[b]),
            )
            for b in range(table.num_rows)
        )

    def attributions(self, table: pa.Table) -> Attributions:
        """What each raw column adds to the score of each row of `table`."""
        class_B = self._classes(table)
        if self._net is None:  # a family without a network looks at no column
            zero_B = np.zeros(table.num_rows)
            amounts_BR = np.zeros((table.num_rows, len(self.columns)))
            return Attributions(amounts_BR=amounts_BR, score_B=zero_B, base_B=zero_B, missed_B=zero_B, class_B=class_B)
        return self._net.attributed(self._encoder.features(table), class_B, self._share_FR)

    def said(self, class_: int) -> str:
        """What the score of that class is."""
        target = self.predictor.target
        if target.task == "classification":
            return f"log-odds of {target.classes[class_]}"
        return f"log(1 + {target.column})" if target.log else target.column

    def _classes(self, table: pa.Table) -> NDArray[np.int64]:
        """The class that is explained: in binary tasks the positive one, otherwise the predicted one."""
        target = self.predictor.target
        if target.n_outputs > 2:
            return self.predictor(table).y_hat.astype(np.int64)
        positive = target.positive if target.positive is not None else target.n_outputs - 1
        return np.full(table.num_rows, positive if target.n_outputs == 2 else 0, np.int64)


def load(model: Model, calibration: Calibration, store: Store, root: Path | None) -> Explainer:
    """The explainer of `model`."""
    state, arrays = read(model.preprocessing, store)
    predictor = inference.predictor(model, calibration, store=store, root=root)
    net = Network(model, calibration, arrays, store, root) if models.is_torch(model.family) else None
    return Explainer(predictor, state, arrays, net)

"""The training rows as the features at hand encode them: what selection and PCA look at. B rows, S sampled rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.artifacts import Column, TargetInfo, TrainFold
from assay.preprocessing._categorical import Bins, Levels
from assay.preprocessing._encode import batches
from assay.preprocessing._encoder import Encoder
from assay.preprocessing._learn import Feature
from assay.preprocessing._numeric import FittedNumber, Missing, Number
from assay.preprocessing._state import Arrays, State
from assay.store import Store


class TrainRows:
    """Training rows, read anew each time they are asked for."""

    def __init__(self, fold: TrainFold, columns: Sequence[Column], target: TargetInfo, store: Store) -> None:
        self._fold, self._columns, self._target, self._store = fold, tuple(columns), target, store

    def learned(self, features: Sequence[Feature]) -> tuple[State, Arrays]:
        """What an encoder of these features needs, with the raw columns that they are made from as its inputs."""
        fitted = [found.feature for found in features]
        needed = {name for feature in fitted for name in feature.origin.columns}
        state = State(
            inputs=tuple(column for column in self._columns if column.name in needed),
            numbers=tuple(feature for feature in fitted if isinstance(feature, Number)),
            indicators=tuple(feature for feature in fitted if isinstance(feature, Missing)),
            levels=tuple(feature for feature in fitted if isinstance(feature, Levels)),
            bins=tuple(feature for feature in fitted if isinstance(feature, Bins)),
            target=self._target,
        )
        numbers = [found for found in features if isinstance(found, FittedNumber)]
        return state, Arrays(tables={n.feature.name: n.table_2Q for n in numbers if n.table_2Q is not None})

    def numeric(self, features: Sequence[Feature]) -> Iterator[NDArray[np.float32]]:
        """The numeric features of all rows, in batches [B, F]."""
        encoder = Encoder(*self.learned([found for found in features if isinstance(found, FittedNumber)]))
        for batch in batches(self._fold, [column.name for column in encoder.state.inputs], self._store):
            yield encoder.features(batch)[0]

    def sample(
        self, features: Sequence[Feature], n_rows: int
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[Any]]:
        """Numeric features, codes and target of at most `n_rows` rows, evenly spaced."""
        encoder = Encoder(*self.learned(features))
        columns = [*(column.name for column in encoder.state.inputs), self._target.column]
        n_rows = min(n_rows, self._fold.n_rows)
        chosen = self._store.array(self._fold.rows)[np.linspace(0, self._fold.n_rows - 1, n_rows).astype(np.int64)]
        table = self._store.table(self._fold.table, columns).take(pa.array(chosen))
        numeric, codes = encoder.features(table)
        return numeric, codes, encoder.target(table)

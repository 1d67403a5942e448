"""A sample of rows, and rows with other values in some columns. S sampled rows, B rows, R raw columns, O classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.artifacts import Blob, Predictions, Snapshot
from assay.inference._predictor import Predictor
from assay.store import Store

MOST_SIGNALS = 200  # rows of images, texts or series
N_GRID = 12  # values of a number
MOST_LEVELS = 10

Places = NDArray[np.int64]
Floats = NDArray[np.float64]


def drawn(predictions: Predictions, row_hashes: Blob, n_rows: int, store: Store) -> Places:
    """The ids of at most `n_rows` predicted rows, by their content: a random sample that no order of rows changes."""
    row_N = store.table(predictions.table, ["row"])["row"].to_numpy()
    hash_N = store.array(row_hashes)[row_N]
    return np.asarray(row_N[np.argsort(hash_N, kind="stable")[:n_rows]])


@dataclass(frozen=True)
class Sample:
    """Rows, and the model that is asked about them. Every value that is tried stands in one of these rows."""

    table: pa.Table
    row_S: Places
    predictor: Predictor

    @classmethod
    def of(cls, snapshot: Snapshot, row_S: Places, predictor: Predictor, store: Store) -> Sample:
        """These rows of the snapshot, with the columns that the model needs."""
        columns = [column.name for column in predictor.inputs]
        table = store.table(snapshot.table, columns).unify_dictionaries().take(pa.array(row_S)).combine_chunks()
        return cls(table, row_S, predictor)

    @property
    def own_SR(self) -> Places:
        """Where each value of each row stands: in its own row."""
        return np.tile(np.arange(len(self.row_S))[:, None], (1, self.table.num_columns))

    def score(self, place_BR: Places, class_: int) -> Floats:
        """Scores of rows whose values stand at these places: log-odds of the class, or the number, [B]."""
        columns = {
            name: self.table.column(name).take(pa.array(place_BR[:, r]))
            for r, name in enumerate(self.table.column_names)
        }
        predicted = self.predictor(pa.table(columns))
        if predicted.p_BO is None:
            return np.asarray(predicted.y_hat, np.float64)
        return log_odds(predicted.p_BO, class_)

    def places(self, column: str) -> Places:
        """Where to find values of a column worth trying: quantiles of numbers, the most frequent levels otherwise."""
        values = self.table.column(column)
        if is_number(values.type):
            x_S = numbers(values)
            order_S = np.argsort(x_S, kind="stable")[: int(np.isfinite(x_S).sum())]
            if not len(order_S):
                return order_S
            at = np.unique(np.linspace(0, len(order_S) - 1, N_GRID).round().astype(int))
            kept_Q = order_S[at]
            return np.asarray(kept_Q[np.unique(x_S[kept_Q], return_index=True)[1]])
        text_S = np.array(["" if text is None else text for text in pc.cast(values, pa.string()).to_pylist()])
        levels, first_L, n_L = np.unique(text_S, return_index=True, return_counts=True)
        return np.asarray(first_L[np.lexsort((levels, -n_L))[:MOST_LEVELS]])


def is_number(kind: pa.DataType) -> bool:
    """Whether values of that type have an order that means something."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_cell(kind: pa.DataType) -> bool:
    """Whether a value is a number or a level: no date, no image, no text of a text model, no series."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        is_number(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
    )


def numbers(values: pa.ChunkedArray) -> Floats:
    """A column as floats, NaN where it is missing."""
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(), np.float64)


def log_odds(p_BO: NDArray[np.float32], class_: int) -> Floats:
    """Of a class, [B]: from its own probability and the sum of the others, so that near 1 no digit is lost."""
    tiny = np.finfo(np.float32).tiny
    own_B = p_BO[:, class_].astype(np.float64)
    others_B = np.delete(p_BO, class_, axis=1).sum(axis=1, dtype=np.float64)
    return np.asarray(np.log(np.maximum(own_B, tiny)) - np.log(np.maximum(others_B, tiny)))

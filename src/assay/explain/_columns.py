"""From features back to the raw columns that they were made from. B rows, F features, R raw columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.artifacts import Preprocessing
from assay.preprocessing._state import State

MISSING = "(missing)"


def shares(state: State, prepared: Preprocessing) -> NDArray[np.float64]:
    """Which share of each feature's contribution goes to which raw column, [F, R]; the signal is the last feature.

    Features stand as the encoder gives them before principal components are made: numbers, indicators, levels, bins.
    """
    columns = [column.name for column in prepared.inputs]
    parts = (state.numbers, state.indicators, state.levels, state.bins)
    made_from = [feature.origin.columns for part in parts for feature in part]
    if prepared.signal is not None:
        made_from.append((prepared.signal.column,))
    share_FR = np.zeros((len(made_from), len(columns)))
    for f, names in enumerate(made_from):
        for name in names:  # a ratio of two columns is half of each
            share_FR[f, columns.index(name)] += 1 / len(names)
    return share_FR


def texts(table: pa.Table, columns: Sequence[str]) -> list[list[str]]:
    """The values of each row as people read them, [B][R]. An image, a series and bytes have none."""
    found = [_texts(table.column(name)) for name in columns]
    return [list(row) for row in zip(*found, strict=True)]


def _texts(column: pa.ChunkedArray) -> list[str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [""] * len(column)
    if pa.types.is_floating(kind):
        return [MISSING if value is None or value != value else f"{value:.6g}" for value in column.to_pylist()]
    return [MISSING if text is None else text for text in pc.cast(column, pa.string()).to_pylist()]

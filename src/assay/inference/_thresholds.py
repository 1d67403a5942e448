"""The decision threshold of every row, where groups have their own. B rows, G groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.artifacts import GroupThresholds
from assay.data import _groups
from assay.errors import DataError

Threshold = float | NDArray[np.float64] | None


def of_rows(table: pa.Table | pa.RecordBatch, by_group: GroupThresholds, other: float | None) -> NDArray[np.float64]:
    """Thresholds [B]; `other` is that of people whose group the thresholds were not chosen for.

    Raises DataError when a column that tells the groups apart is not there.
    """
    names = [column.name for column in by_group.columns]
    absent = [name for name in names if name not in table.schema.names]
    if absent:
        raise DataError(
            f"The data have no column {absent[0]!r}, by which this model decides. Allowed: a table with "
            f"{', '.join(names)}."
        )
    told = {column.name: _as_trained(table.column(column.name), column.arrow_type) for column in by_group.columns}
    code_B, labels = _groups.of_table(pa.table(told), names, by_group.edges)
    known = dict(by_group.groups)
    threshold_G = np.array([known.get(label, 0.5 if other is None else other) for label in labels])
    return np.asarray(threshold_G[code_B], np.float64)


def _as_trained(column: Any, arrow_type: str) -> Any:
    """Numbers as the type that they had, so that a group of them is called the same."""
    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    return column.cast(arrow_type, safe=False) if is_number and arrow_type != "string" else column

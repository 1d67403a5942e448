"""For whom the model works: rates per group, and the gap between every two groups with its bounds.

Why this shape: everything follows from additive counts, the *cells* (group x true x predicted x score bin). So the rows
are passed once, shards merge exactly (sums of reals are kept as decimals, whose addition has no rounding and no
order), and an auditor recomputes every verdict from `cells.parquet` with neither data nor model. The audit emits
estimates with their bounds; gates hold them against tolerances. The closed forms are those of `gates`, where they are
needed to say how many more rows would decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.artifacts import Blob, Findings, Predictions, Snapshot
from assay.spec.evidence import AuditSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from assay.store import Store

__all__ = ["audit", "count_cells", "findings_from_cells", "merge_cells"]


def audit(predictions: Predictions, snapshot: Snapshot, config: AuditSpec, *, store: Store) -> Findings:
    """Count the cells of every sensitive feature and crossing, store them, and find from them alone.

    Raises DataError when a sensitive column is not in the data, or is a number without `edges` and with many values.
    """
    cells = count_cells(predictions, snapshot, config, store=store)
    return findings_from_cells(cells, store.put_table(cells, "cells.parquet"))


def count_cells(
    predictions: Predictions, snapshot: Snapshot, config: AuditSpec, rows: slice | None = None, *, store: Store
) -> pa.Table:
    """The cells of all predictions, or of the shard `rows` of them. What they mean stands in the schema's metadata."""
    from assay.audit._cells import count_cells

    return count_cells(predictions, snapshot, config, rows, store)


def merge_cells(shards: Sequence[pa.Table]) -> pa.Table:
    """The cells of all shards together: exactly those that one pass over all their rows would have counted."""
    from assay.audit._cells import merge_cells

    return merge_cells(shards)


def findings_from_cells(cells: pa.Table, stored: Blob) -> Findings:
    """Groups, gaps and problems from cells alone; `stored` says where the cells lie."""
    from assay.audit._findings import findings_from_cells

    return findings_from_cells(cells, stored)

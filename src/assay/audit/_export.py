"""Cells for other eyes: no count of fewer than five people leaves the house.

Neighbouring score bins of a group are put together until each of its counts (true x predicted class) has five rows or
none, so that rates stay exact and the calibration error is that of coarser bins. A true and predicted class that has
fewer than five rows in the whole group is left out. This is primary suppression: whoever adds up the crossings of all
groups may still infer a count that is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from assay.audit._cells import KEYS, merge_cells

LEAST = 5
Cell = tuple[tuple[int, int], int, int]  # (true, predicted), bin, rows


def suppressed(cells: pa.Table) -> tuple[pa.Table, int]:
    """The cells of at least five rows, small score bins merged first, and how many cells are left out."""
    names = ("sensitive", "group", "y", "y_hat", "bin", "n")
    rows = zip(*(cells[name].to_pylist() for name in names), strict=True)  # sorted by group
    merged: list[int] = []
    for _, of_group in groupby(rows, key=lambda row: row[:2]):
        merged += _coarser([((y, y_hat), bin_, n) for _, _, y, y_hat, bin_, n in of_group])
    at = cells.column_names.index(KEYS[-1])
    pooled = merge_cells([cells.set_column(at, cells.field(at), pa.array(merged, cells.field(at).type))])
    kept = pooled.filter(pc.greater_equal(pooled["n"], LEAST))
    return kept, pooled.num_rows - kept.num_rows


def _coarser(of_group: Sequence[Cell]) -> list[int]:
    """The bin that each cell of one group goes to: the first of its pool."""
    totals: Counter[tuple[int, int]] = Counter()
    counts: dict[int, Counter[tuple[int, int]]] = {}
    for key, _, n in of_group:
        totals[key] += n
    for key, bin_, n in of_group:
        counts.setdefault(bin_, Counter())[key] += n if totals[key] >= LEAST else 0
    pools: list[list[int]] = []
    waiting: list[int] = []
    for bin_ in sorted(counts):
        waiting.append(bin_)
        if _is_enough(waiting, counts):
            pools.append(waiting)
            waiting = []
    while waiting and pools and not _is_enough(waiting, counts):
        waiting = pools.pop() + waiting
    first = {bin_: pool[0] for pool in (*pools, waiting) for bin_ in pool}
    return [first[bin_] for _, bin_, _ in of_group]


def _is_enough(pool: Sequence[int], counts: dict[int, Counter[tuple[int, int]]]) -> bool:
    total = sum((counts[bin_] for bin_ in pool), Counter())
    return all(n >= LEAST for n in total.values())

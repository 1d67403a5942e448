"""A column as rows per cell: the one view in which reference and window are compared.

Of numbers the cells are what lies below the reference, the intervals between its points, and what lies above; of texts
its levels, the rest of them, and levels that no training row has. N rows, C cells, L entries of a dictionary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import ColumnReference
from assay.preprocessing._read import finite, one_array, positions, to_levels, to_numbers

Array = npt.NDArray[Any]
MISSING = -1
N_BINS = 10
MIN_EXPECTED = 5.0  # rows in a cell, for chi-square to be what it says (Cochran 1954)


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows per cell [C], and how many have no value. `new` are levels that no training row has, the commonest first."""

    count_C: Array
    n_missing: int
    new: tuple[str, ...] = ()

    @property
    def n_present(self) -> int:
        """Rows that have a value."""
        return int(self.count_C.sum())


def values(column: Any, is_number: bool) -> Any:
    """A column as float64 [N], NaN where it is missing, or as a dictionary of texts."""
    array = one_array(column)
    return finite(to_numbers(array)) if is_number else to_levels(array)


def codes(column: Any, of: ColumnReference) -> Array:
    """The cell of every row, int64 [N], or MISSING."""
    found, n = values(column, of.kind == "numeric"), len(of.counts)
    if of.kind == "numeric":
        point_P = np.asarray(of.points)
        code_N = np.searchsorted(point_P, found, side="left") + 1
        return np.where(np.isnan(found), MISSING, np.where(found < point_P[0], 0, code_N))
    known = {level: code for code, level in enumerate(of.levels)}
    # Where the reference could not name all levels, one that it does not name may be new or only rare.
    unknown = n if of.n_rest else n + 1
    code_L = [known.get(level, unknown) for level in found.dictionary.to_pylist()]
    return np.array([*code_L, MISSING], np.int64)[positions(found)]


def counted(column: Any, of: ColumnReference) -> Counted:
    """The rows of a window per cell."""
    if not of.is_looked_at:
        return Counted(np.zeros(0, np.int64), one_array(column).null_count)
    code_N, last = codes(column, of), len(of.counts) + 1
    count_C = np.bincount(code_N[code_N >= 0], minlength=last + 1)
    new: tuple[str, ...] = ()
    if of.kind != "numeric" and count_C[last]:
        strangers = values(column, False).dictionary_decode().filter(pa.array(code_N == last))
        by_count = pc.value_counts(strangers).to_pylist()
        new = tuple(each["values"] for each in sorted(by_count, key=lambda each: (-each["counts"], each["values"])))
    return Counted(count_C, int((code_N == MISSING).sum()), new)


def of_reference(of: ColumnReference) -> Counted:
    """The training rows per cell."""
    ends = (0, *of.counts, 0) if of.kind == "numeric" else (*of.counts, of.n_rest, 0)
    return Counted(np.array(ends if of.is_looked_at else (), np.int64), of.n_missing)


def merged(reference_C: Array, window_C: Array, is_number: bool) -> tuple[Array, Array]:
    """Both in fewer cells with rows enough: ten intervals and what lies beyond, or the levels that are not rare."""
    if is_number:
        share_C = np.cumsum(reference_C) / reference_C.sum()
        place_C = np.minimum((share_C * N_BINS - 1e-9).astype(np.int64), N_BINS - 1)
        place_C[0], place_C[-1] = -1, N_BINS
    else:
        both_C = (reference_C + window_C) / (reference_C.sum() + window_C.sum())
        is_rare_C = both_C * min(reference_C.sum(), window_C.sum()) < MIN_EXPECTED
        place_C = np.where(is_rare_C, -1, np.arange(len(both_C)))
    _, place_C = np.unique(place_C, return_inverse=True)
    a_C, b_C = (np.bincount(place_C, count_C) for count_C in (reference_C, window_C))
    there_C = a_C + b_C > 0
    return a_C[there_C], b_C[there_C]

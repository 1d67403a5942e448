"""Columns as groups of people: a code per row, and a name per code. Shapes: N rows, G groups."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import GroupCodes, Snapshot, TrainFold, ValidFold
from assay.errors import DataError
from assay.spec.evidence import CROSS, MOST_NUMBERS, SensitiveSpec
from assay.store import Store

Array = npt.NDArray[Any]
Groups = tuple[Array, tuple[str, ...]]

MISSING = "(missing)"


def of_fold(
    fold: TrainFold | ValidFold, snapshot: Snapshot, columns: Sequence[SensitiveSpec], store: Store
) -> GroupCodes:
    """See `assay.data.groups`."""
    names = [entry.column for entry in columns]
    table = store.table(fold.table, names).unify_dictionaries().take(pa.array(store.array(fold.rows)))
    edges = tuple(entry.edges for entry in columns)
    code_N, labels = of_table(table, names, edges)
    rank_G = sorted(range(len(labels)), key=lambda g: labels[g])  # nothing hangs on the order of rows
    place_G = np.empty(len(labels), np.int64)
    place_G[rank_G] = np.arange(len(labels))
    return GroupCodes(
        codes=store.put_array(place_G[code_N], "groups.npy"),
        names=tuple(labels[g] for g in rank_G),
        columns=tuple(snapshot.column(name) for name in names),
        edges=edges,
    )


def of_table(
    table: pa.Table | pa.RecordBatch, names: Sequence[str], edges: Sequence[tuple[float, ...] | None]
) -> Groups:
    """The groups that there are in a table, by one column or several crossed."""
    found = []
    for name, cut_at in zip(names, edges, strict=True):
        column = table.column(name)
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        found.append(of_column(whole, name, cut_at))
    return crossed(found)


def of_column(column: Any, name: str, edges: tuple[float, ...] | None) -> Groups:
    """The values of a column, or the intervals between `edges`, as groups; the last one is `(missing)`."""
    if edges is not None:
        return _cut(column, name, edges)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values = column.dictionary
    if _is_number(values.type) and len(values) > MOST_NUMBERS:
        raise DataError(
            f"audit.sensitive: {name!r} has {len(values)} different numbers. Allowed: at most {MOST_NUMBERS}, or "
            f"`edges`. Write {{column: {name}, edges: [...]}} to cut it into groups."
        )
    labels = [MISSING if label is None else label for label in pc.cast(values, pa.string()).to_pylist()]
    code_N = column.indices.fill_null(len(labels)).to_numpy(zero_copy_only=False).astype(np.int64)
    return code_N, (*labels, MISSING)


def crossed(parts: Sequence[Groups]) -> Groups:
    """The groups of all combinations that occur."""
    shape = [len(names) for _, names in parts]
    code_N = np.ravel_multi_index([code_N for code_N, _ in parts], shape)
    present_G, code_N = np.unique(code_N, return_inverse=True)
    places = np.unravel_index(present_G, shape)
    labels = zip(*([names[i] for i in place] for place, (_, names) in zip(places, parts, strict=True)), strict=True)
    return code_N, tuple(CROSS.join(label) for label in labels)


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cut(column: Any, name: str, edges: tuple[float, ...]) -> Groups:
    if not _is_number(column.type):
        raise DataError(f"audit.sensitive: `edges` cut numbers; {name!r} holds {column.type}. Write the name alone.")
    rising = sorted(set(edges))
    x_N = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    limits = ["-inf", *(f"{edge:.12g}" for edge in rising), "inf"]
    labels = [f"[{low}, {high})" for low, high in itertools.pairwise(limits)]
    code_N = np.where(np.isnan(x_N), len(labels), np.searchsorted(rising, x_N, side="right"))
    return code_N.astype(np.int64), (*labels, MISSING)

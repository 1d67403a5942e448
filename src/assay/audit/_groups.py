"""Sensitive columns as groups: a code per row, and a name per code. Shapes: N rows, G groups."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Snapshot
from assay.errors import DataError, did_you_mean
from assay.spec.evidence import CROSS, MOST_NUMBERS, AuditSpec, SensitiveSpec
from assay.store import Store

Array = npt.NDArray[Any]
Groups = tuple[Array, tuple[str, ...]]

MISSING = "(missing)"


def groups(snapshot: Snapshot, config: AuditSpec, row_N: Array, store: Store) -> dict[str, Groups]:
    """Every sensitive feature and crossing of the rows with these ids: codes int64 [N] and the groups' names."""
    entries = [SensitiveSpec(column=one) if isinstance(one, str) else one for one in config.sensitive]
    names = dict.fromkeys((*config.columns, *(name for crossing in config.crossings for name in crossing)))
    _check_columns(tuple(names), snapshot)
    table = store.table(snapshot.table, list(names)).unify_dictionaries().take(pa.array(row_N))
    edges = {entry.column: entry.edges for entry in entries}
    single = {name: _of_column(table[name].combine_chunks(), name, edges.get(name)) for name in names}
    found = {name: single[name] for name in config.columns}
    return found | {
        CROSS.join(crossing): _crossed([single[name] for name in crossing]) for crossing in config.crossings
    }


def by_name(found: dict[str, Groups]) -> dict[str, Groups]:
    """The same groups with codes in the order of their names, so that nothing hangs on the order of rows."""
    renamed = {}
    for feature, (code_N, names) in found.items():
        rank_G = sorted(range(len(names)), key=lambda g: order(names[g]))
        place_G = np.empty(len(names), np.int64)
        place_G[rank_G] = np.arange(len(names))
        renamed[feature] = place_G[code_N], tuple(names[g] for g in rank_G)
    return renamed


def order(group: str) -> tuple[tuple[float, str], ...]:
    """A sort key: intervals by where they begin, everything else by name, `(missing)` last."""
    return tuple(_order_of_part(part) for part in group.split(CROSS))


def _order_of_part(part: str) -> tuple[float, str]:
    interval = re.match(r"\[(\S+), \S+\)$", part)
    return (float("inf") if part == MISSING else float(interval[1]) if interval else 0.0), part


def _check_columns(names: tuple[str, ...], snapshot: Snapshot) -> None:
    known = [column.name for column in snapshot.columns]
    for name in names:
        if name not in known:
            raise DataError(
                f"audit.sensitive: the data have no column {name!r}. Allowed: {', '.join(known)}. "
                f"{did_you_mean(name, known)}"
            )


def _of_column(column: Any, name: str, edges: tuple[float, ...] | None) -> Groups:
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


def _crossed(parts: list[Groups]) -> Groups:
    """The groups of all combinations that occur."""
    shape = [len(names) for _, names in parts]
    code_N = np.ravel_multi_index([code_N for code_N, _ in parts], shape)
    present_G, code_N = np.unique(code_N, return_inverse=True)
    places = np.unravel_index(present_G, shape)
    labels = zip(*([names[i] for i in place] for place, (_, names) in zip(places, parts, strict=True)), strict=True)
    return code_N, tuple(CROSS.join(label) for label in labels)

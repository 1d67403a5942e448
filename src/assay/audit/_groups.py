"""Sensitive columns as groups: a code per row, and a name per code. Shapes: N rows, G groups."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assay.artifacts import Snapshot
from assay.data._groups import MISSING as MISSING
from assay.data._groups import Groups as Groups
from assay.data._groups import crossed, of_column
from assay.errors import DataError, did_you_mean
from assay.spec.evidence import CROSS, AuditSpec, SensitiveSpec
from assay.store import Store

Array = npt.NDArray[Any]


def groups(snapshot: Snapshot, config: AuditSpec, row_N: Array, store: Store) -> dict[str, Groups]:
    """Every sensitive feature and crossing of the rows with these ids: codes int64 [N] and the groups' names."""
    entries = [SensitiveSpec(column=one) if isinstance(one, str) else one for one in config.sensitive]
    names = dict.fromkeys((*config.columns, *(name for crossing in config.crossings for name in crossing)))
    _check_columns(tuple(names), snapshot)
    table = store.table(snapshot.table, list(names)).unify_dictionaries().take(pa.array(row_N))
    edges = {entry.column: entry.edges for entry in entries}
    single = {name: of_column(table[name].combine_chunks(), name, edges.get(name)) for name in names}
    found = {name: single[name] for name in config.columns}
    return found | {CROSS.join(crossing): crossed([single[name] for name in crossing]) for crossing in config.crossings}


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

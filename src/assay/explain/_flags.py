"""Columns that are sensitive, or by which a sensitive one can be told. S sampled rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from assay.artifacts import Snapshot, TargetInfo
from assay.audit._groups import groups
from assay.audit._proxies import MIN_ROWS, _levels, _numbers
from assay.evaluation._probe import predictive_power
from assay.explain._rows import Places, is_cell
from assay.spec.evidence import AuditSpec
from assay.store import Store


def flags(
    columns: list[str], snapshot: Snapshot, row_S: Places, config: AuditSpec, auc: float, store: Store
) -> dict[str, str]:
    """What is to be said of a column: `sensitive`, or `tells sex (0.81)`, the AUC of telling a group from it alone."""
    if not config.columns:
        return {}
    found = {name: "sensitive" for name in columns if name in config.columns}
    table = store.table(snapshot.table, columns).unify_dictionaries().take(pa.array(row_S))
    info = TargetInfo(column="", task="classification", classes=("other", "own"), positive=1)
    every_S = np.ones(len(row_S), bool)
    for feature, (code_S, names) in groups(snapshot, config, row_S, store).items():
        if feature not in config.columns:
            continue
        n_G = np.bincount(code_S, minlength=len(names))
        large = [g for g in range(len(names)) if MIN_ROWS <= n_G[g] <= len(row_S) - MIN_ROWS]
        for name in columns:
            if name in found or not is_cell(table.column(name).type):
                continue
            level_S = _levels(*_numbers(table.column(name), np.arange(len(row_S))), every_S)
            power = max((predictive_power(level_S, (code_S == g).astype(np.int64), info) for g in large), default=0.5)
            if power >= auc:
                found[name] = f"tells {feature} ({power:.2f})"
    return found

"""A table as the chain has it before training: ingested, split and with its preprocessing fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay import audit, data, preprocessing
from assay.artifacts import DataAudit, DataCheck, Folds, Preflight, Preprocessing, Snapshot
from assay.spec import Spec
from assay.store import Store

N_ROWS = 6000


def spec(task: str = "classification", **parts: Any) -> Spec:
    """A spec of a table with a target `y` whose split stands in a column."""
    base = {"version": 1, "name": "planted", "task": task, "data": {"path": "-"}, "target": {"column": "y"}}
    split = {"by": "column", "column": "fold", "train": "train", "test": "test", "valid_frac": 0.1}
    audited = {"sensitive": ["sex"], "data": {}}
    return Spec.model_validate(base | {"split": split, "audit": audited} | parts)


def people(seed: int = 0, n_rows: int = N_ROWS, gap: float = 0.0, women: float = 0.45) -> pa.Table:
    """Two sexes, labels whose rate differs by `gap`, and three features that have nothing to do with either."""
    rng = np.random.default_rng(seed)
    woman = rng.random(n_rows) < women
    return pa.table(
        {
            "sex": np.where(woman, "Female", "Male"),
            "y": np.where(rng.random(n_rows) < 0.4 - gap * woman, "yes", "no"),
            "age": rng.integers(18, 80, n_rows),
            "income": rng.normal(50, 10, n_rows),
            "town": rng.choice(["a", "b", "c"], n_rows),
            "fold": np.where(np.arange(n_rows) % 3 == 0, "test", "train"),
        }
    )


def until_trained(table: pa.Table, asked: Spec, store: Store) -> tuple[Snapshot, Folds, Preprocessing]:
    """The hand-offs that the audit of the data takes."""
    source = data.fingerprint(asked.data, Path(), table)
    snapshot = data.ingest(source, asked.data, root=Path(), table=table, store=store)
    folds = data.split(snapshot, asked.split, asked.target, asked.task, asked.seed, store=store)
    seen = set(asked.feature_columns(tuple(column.name for column in snapshot.columns)))
    columns = tuple(column for column in snapshot.columns if column.name in seen)
    fitted = preprocessing.fit(folds.train, asked.preprocessing, columns, asked.target, asked.task, store=store)
    return snapshot, folds, fitted


def audited(table: pa.Table, asked: Spec, store: Store) -> tuple[DataAudit, Preflight]:
    """The audit of `table` as the chain calls it."""
    assert asked.audit.data is not None
    found = audit.audit_data(*until_trained(table, asked, store), asked.audit, asked.personal, store=store)
    return found, audit.preflight(found, asked.gates, asked.audit.data)


def checks(table: pa.Table, asked: Spec, store: Store, name: str) -> dict[str, DataCheck]:
    """The checks called `name`, by what they are about."""
    return {one.about: one for one in audited(table, asked, store)[1].checks if one.check == name}

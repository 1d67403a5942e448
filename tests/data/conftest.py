from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assay import data
from assay.artifacts import Folds, Snapshot
from assay.spec.data import DataSpec, SplitSpec, TargetSpec
from assay.store import Store

Take = Callable[..., Snapshot]
Parted = Callable[..., Folds]
ADULT = Path(__file__).parents[2] / "examples" / "adult" / "adult.parquet"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def take(tmp_path: Path, store: Store) -> Take:
    """Ingest a path (with options of the source), or a table from Python."""

    def ingest(path: Any = None, table: Any = None, source: str = "file", **options: Any) -> Snapshot:
        config = DataSpec.model_validate({"source": source, **({"path": path} if path else {}), **options})
        found = data.fingerprint(config, tmp_path, table)
        return data.ingest(found, config, root=tmp_path, store=store, table=table)

    return ingest


@pytest.fixture
def parted(take: Take, store: Store) -> Parted:
    """Ingest an Arrow table and split it; the target is `y`."""

    def split(table: pa.Table, task: Any = "classification", seed: int = 0, target: str = "y", **options: Any) -> Folds:
        config = SplitSpec.model_validate(options)
        return data.split(take(table=table), config, TargetSpec(column=target), task, seed, store=store)

    return split

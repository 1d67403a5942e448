"""Predictions beside a snapshot with sensitive columns, in a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from assay.artifacts import Blob, Calibration, Column, Predictions, Snapshot, Source, TargetInfo
from assay.store import Store

BLOB = Blob(uri="", sha256="", n_bytes=0, name="cells.parquet")


def snapshot(store: Store, table: pa.Table) -> Snapshot:
    """`table` as ingest hands it over."""
    columns = tuple(Column(name=f.name, kind="categorical", arrow_type=str(f.type), n_null=0) for f in table.schema)
    source = Source(description="", sha256="", n_bytes=0)
    return Snapshot(table=store.put_table(table, "table.arrow"), source=source, columns=columns, n_rows=table.num_rows)


def predictions(store: Store, y: Any, y_hat: Any, p: Any = None, rows: Any = None) -> Predictions:
    """Predictions of these rows of the snapshot; binary or many classes with `p`, numbers without."""
    kind = np.int32 if p is not None else np.float64
    columns = {"row": np.arange(len(y)) if rows is None else rows, "y": y.astype(kind), "y_hat": y_hat.astype(kind)}
    n_classes = 0 if p is None else p.shape[1]
    columns |= {f"p_{k}": p[:, k].astype(np.float32) for k in range(n_classes)}
    target = TargetInfo(
        column="y",
        task="classification" if n_classes else "regression",
        classes=tuple(f"c{k}" for k in range(n_classes)),
        positive=1 if n_classes == 2 else None,
        std=1.0 if n_classes else float(np.std(y)),
    )
    return Predictions(
        table=store.put_table(pa.table(columns), "predictions.parquet"),
        fold="test",
        n_rows=len(y),
        target=target,
        model_sha256="",
        calibration=Calibration(),
    )


def people(n_rows: int, seed: int = 0) -> pa.Table:
    """Sex, race with rare groups and missing values, and age."""
    rng = np.random.default_rng(seed)
    race = rng.choice(["a", "b", "c", "rare"], n_rows, p=[0.6, 0.25, 0.14, 0.01])
    return pa.table(
        {
            "sex": pa.array(rng.choice(["Female", "Male"], n_rows)).dictionary_encode(),
            "race": pa.array(race, mask=rng.random(n_rows) < 0.05).dictionary_encode(),
            "age": pa.array(rng.integers(17, 90, n_rows), mask=rng.random(n_rows) < 0.02),
        }
    )


def binary(n_rows: int, seed: int = 0, n_classes: int = 2) -> tuple[Any, Any, Any]:
    """y, y_hat and p of a calibrated model."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n_rows, n_classes))
    p = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).astype(np.float32)
    y = (p.cumsum(axis=1) > rng.random((n_rows, 1))).argmax(axis=1)
    return y, p.argmax(axis=1), p


def numbers(n_rows: int, seed: int = 0) -> tuple[Any, Any]:
    """A target of thousands and its prediction."""
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 2000, n_rows)
    return y, y + rng.normal(20, 300, n_rows)

"""Predictions with known truth, in a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from assay.artifacts import Calibration, FoldName, Predictions, TargetInfo
from assay.evaluation._scored import Scored
from assay.store import Store


def drawn(n_rows: int, n_classes: int, seed: int = 0, digits: int | None = None) -> Scored:
    """Calibrated predictions; rounded to `digits`, so that scores tie."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n_rows, n_classes)) * 1.5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) > rng.random((n_rows, 1))).argmax(axis=1)
    if digits is not None:
        p = np.round(p, digits) + 0.01
        p /= p.sum(axis=1, keepdims=True)
    return Scored(y, p.argmax(axis=1), p.astype(np.float32), 1 if n_classes == 2 else None)


def numbers(n_rows: int, seed: int = 0) -> Scored:
    """A target of a few thousand with errors of a few hundred."""
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 2000, n_rows) + 1
    return Scored(y, y + rng.normal(size=n_rows) * 300)


def stored(store: Store, scored: Scored, fold: FoldName = "test", **changes: Any) -> Predictions:
    """`scored` as the stage `predict` hands it over."""
    classes = tuple(changes.pop("classes", (f"c{k}" for k in range(scored.n_classes))))
    columns: dict[str, Any] = {"row": changes.pop("rows", np.arange(scored.n_rows))}
    integer = np.int32 if scored.p_NK is not None else np.float64
    columns |= {"y": scored.y_N.astype(integer), "y_hat": scored.y_hat_N.astype(integer)}
    if scored.p_NK is not None:
        columns |= {f"p_{k}": scored.p_NK[:, k] for k in range(scored.n_classes)}
    counts = tuple(int(n) for n in np.bincount(scored.y_N, minlength=len(classes))) if classes else ()
    target = TargetInfo(
        column="y",
        task="classification" if classes else "regression",
        classes=classes,
        positive=scored.positive,
        class_counts=counts,
        std=1.0 if classes else float(scored.y_N.std()),
    )
    return Predictions(
        table=store.put_table(pa.table(columns), "predictions.parquet"),
        fold=fold,
        n_rows=scored.n_rows,
        target=target,
        model_sha256="0" * 64,
        calibration=Calibration(**changes),
    )

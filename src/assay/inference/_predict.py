"""A fold's predictions as Parquet, written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from assay.artifacts import AuditFold, FoldName, Predictions, TargetInfo, TestFold, ValidFold
from assay.inference._predictor import Predictor
from assay.preprocessing._encoder import Counts
from assay.store import Store

ROWS = 16_384  # of one piece: bounds what is held in memory at a time
SIGNAL_ROWS = 1_024  # of one with images, texts or series
NAMES: dict[type, FoldName] = {ValidFold: "valid", TestFold: "test", AuditFold: "audit"}


def predict(predictor: Predictor, fold: ValidFold | TestFold | AuditFold, store: Store) -> Predictions:
    """Predict every row of `fold`."""
    target, name = predictor.target, NAMES[type(fold)]
    schema = _schema(target)
    n_unseen = n_missing = 0
    with (
        store.create(f"predictions_{name}.parquet") as draft,
        pq.ParquetWriter(draft.path, schema, compression="zstd") as writer,
    ):
        for piece, counts in _pieces(predictor, fold, store):
            writer.write_table(pa.table(piece, schema=schema))
            n_unseen, n_missing = n_unseen + counts.n_unseen, n_missing + counts.n_missing
    return Predictions(
        table=draft.blob,
        fold=name,
        n_rows=fold.n_rows,
        target=target,
        model_sha256=predictor.model.sha256,
        calibration=predictor.calibration,
        n_unseen=n_unseen,
        n_missing=n_missing,
    )


def _pieces(predictor: Predictor, fold: Any, store: Store) -> Iterator[tuple[dict[str, NDArray[Any]], Counts]]:
    inputs = [column.name for column in predictor.inputs]
    known = set(store.table(fold.table).column_names)
    wanted = [name for name in dict.fromkeys([*inputs, predictor.target.column]) if name in known]
    table = store.table(fold.table, wanted)
    rows_N = store.array(fold.rows)
    n_rows = ROWS if predictor.model.preprocessing.signal is None else SIGNAL_ROWS
    for start in range(0, len(rows_N), n_rows):
        rows_B = np.array(rows_N[start : start + n_rows])
        part = table.take(pa.array(rows_B))
        predicted, counts = predictor.counted(part, rows_B)
        piece = {"row": rows_B, "y": _truth(predictor, part), "y_hat": predicted.y_hat}
        if predicted.p_BO is not None:
            piece |= {f"p_{index}": predicted.p_BO[:, index] for index in range(predicted.p_BO.shape[1])}
        yield piece, counts


def _truth(predictor: Predictor, table: pa.Table) -> NDArray[Any]:
    y_B = predictor.encoder.target(table)  # raises DataError for a target that cannot be one
    if predictor.target.task == "classification":
        return y_B.astype(np.int32)
    # The column itself: standardised numbers are rounded to 32 bits.
    raw: NDArray[Any] = table.column(predictor.target.column).cast(pa.float64(), safe=False).to_numpy()
    return raw


def _schema(target: TargetInfo) -> pa.Schema:
    if target.task == "regression":
        return pa.schema([("row", pa.int64()), ("y", pa.float64()), ("y_hat", pa.float64())])
    p = [(f"p_{index}", pa.float32()) for index in range(target.n_outputs)]
    return pa.schema([("row", pa.int64()), ("y", pa.int32()), ("y_hat", pa.int32()), *p])

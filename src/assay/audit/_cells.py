"""Cells: additive counts per group, from which everything else follows.

Classification: `n` rows and the sum `p` of foretold probabilities per (sensitive, group, y, y_hat, bin).
Regression: `n` rows and the sums of error, absolute and squared error (predicted less true) per (sensitive, group).
Sums are decimals: exact, so that shards merge to the same bytes in any order. Shapes: N rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Predictions, Snapshot, TargetInfo, as_data
from assay.audit._groups import groups
from assay.errors import DataError
from assay.evaluation._reliability import bin_of, confidence_and_hit
from assay.evaluation._scored import Scored, read
from assay.spec.evidence import AuditSpec
from assay.store import Store

Array = npt.NDArray[Any]

KEYS = ("sensitive", "group", "y", "y_hat", "bin")
PIECE_ROWS = 1 << 20  # bounds what is held beside the predictions
N_DIGITS = 38  # of an Arrow decimal128; 15 of them after the first of the target's spread


def count_cells(
    predictions: Predictions, snapshot: Snapshot, config: AuditSpec, rows: slice | None, store: Store
) -> pa.Table:
    """The cells of the shard `rows` of the predictions, or of all."""
    scored, row_N = read(predictions, store)
    _refuse_nan(scored)
    n_rows = scored.n_rows
    start, stop, _ = slice(0, n_rows).indices(n_rows) if rows is None else rows.indices(n_rows)
    pieces = [np.arange(at, min(at + PIECE_ROWS, stop)) for at in range(start, stop, PIECE_ROWS)] or [np.arange(0)]
    shards = []
    for piece_N in pieces:
        measured = _measured(scored.take(piece_N), predictions.target)
        for sensitive, (code_N, labels) in groups(snapshot, config, row_N[piece_N], store).items():
            counted = _summed(measured.append_column("code", pa.array(code_N)), ("code", *KEYS[2:]))
            label = pa.array(labels, pa.string()).take(counted["code"].combine_chunks())
            name = pa.array([sensitive] * len(label), pa.string())
            shards.append(counted.drop("code").append_column("sensitive", name).append_column("group", label))
    meaning = {
        "task": predictions.target.task,
        "classes": predictions.target.classes,
        "positive": predictions.target.positive,
        "fold": predictions.fold,
        "min_share": config.min_share,
        "sensitive": config.features,
    }
    cells = pa.concat_tables(shards) if shards else _empty(measured)
    return merge_cells([cells.replace_schema_metadata({"assay": json.dumps(as_data(meaning), sort_keys=True)})])


def merge_cells(shards: Sequence[pa.Table]) -> pa.Table:
    """One row per key, sorted by key."""
    merged = _summed(pa.concat_tables(shards), KEYS)
    return merged.sort_by([(key, "ascending") for key in KEYS]).replace_schema_metadata(shards[0].schema.metadata)


def meaning_of(cells: pa.Table) -> dict[str, Any]:
    """Task, classes, fold and minimum share, as written beside the counts."""
    meaning: dict[str, Any] = json.loads(cells.schema.metadata[b"assay"])
    return meaning


def _refuse_nan(scored: Scored) -> None:
    predicted = scored.y_hat_N if scored.p_NK is None else scored.p_NK
    n_bad = int((~np.isfinite(predicted)).reshape(len(predicted), -1).any(axis=1).sum())
    if n_bad:
        raise DataError(
            f"{n_bad:,} of {scored.n_rows:,} predictions are not finite numbers, so nothing can be said of this model. "
            "Look at the training loss; a lower `training.lr` or `training.clip_norm` may help."
        )


def _measured(scored: Scored, target: TargetInfo) -> pa.Table:
    """One row per prediction, with what is to be summed."""
    one_N, none_N = np.ones(scored.n_rows, np.int64), np.zeros(scored.n_rows, np.int32)
    if target.task == "classification":
        confidence_N, _ = confidence_and_hit(scored)
        keys = {"y": scored.y_N, "y_hat": scored.y_hat_N, "bin": bin_of(confidence_N)}
        return pa.table(keys | {"n": one_N, "p": _decimal(confidence_N, 1.0)})
    error_N = scored.y_hat_N - scored.y_N
    sums = {
        "error": _decimal(error_N, target.std),
        "absolute_error": _decimal(np.abs(error_N), target.std),
        "squared_error": _decimal(error_N**2, target.std**2),
    }
    return pa.table({"y": none_N, "y_hat": none_N, "bin": none_N, "n": one_N, **sums})


def _decimal(x_N: Array, size: float) -> Any:
    """`x_N` as decimals with 15 digits after the first of `size`."""
    places = min(30, max(0, 15 - math.floor(math.log10(size)))) if size > 0 else 15
    return pc.cast(pa.array(x_N, pa.float64()), pa.decimal128(N_DIGITS, places))


def _summed(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    sums = [name for name in table.column_names if name not in keys]
    summed = table.group_by(list(keys)).aggregate([(name, "sum") for name in sums])
    return summed.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])


def _empty(measured: pa.Table) -> pa.Table:
    names = [pa.field("sensitive", pa.string()), pa.field("group", pa.string())]
    return pa.schema([*names, *measured.schema]).empty_table()

"""The reference of a model: its training rows and its predictions, in counts. N rows, C columns, P points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from assay.artifacts import Column, ColumnReference, MetricValue, Predictions, Reference, Snapshot, TrainFold, sha256_of
from assay.monitoring import PREDICTED
from assay.monitoring._cells import Array, codes, values
from assay.preprocessing._read import one_array, positions
from assay.store import Store

N_POINTS = 512
MOST_LEVELS = 1000
N_COARSE = 32  # of a number in the sample: enough to learn from, too few to tell people apart by


def reference(
    snapshot: Snapshot,
    train: TrainFold,
    on_test: Predictions,
    inputs: Sequence[Column],
    personal: Sequence[str],
    n_sampled: int,
    metrics: tuple[MetricValue, ...],
    store: Store,
) -> Reference:
    """See `assay.monitoring.reference`."""
    table = store.rows(train, [column.name for column in inputs])
    columns = tuple(column_of(each.name, each.kind, table.column(each.name), each.name in personal) for each in inputs)
    return Reference(
        columns=columns,
        predictions=_predictions(on_test, store),
        personal=tuple(name for name in personal if name in table.column_names),
        sample=_sample(table, columns, n_sampled, snapshot.table.sha256, store),
        metrics=metrics,
        n_rows=train.n_rows,
    )


def column_of(name: str, kind: str, column: Any, personal: bool = False) -> ColumnReference:
    """One column in counts. Times go on, and files, texts and series have no levels: of those only what is missing."""
    array = one_array(column)
    base: dict[str, Any] = {"name": name, "kind": kind, "n_rows": len(array), "n_missing": array.null_count}
    if personal or kind not in ("numeric", "categorical"):
        return ColumnReference(**base)
    found = values(array, kind == "numeric")
    if kind == "numeric":
        present_N = np.sort(found[~np.isnan(found)])
        base["n_missing"] = len(found) - len(present_N)
        return ColumnReference(**base, **_points(present_N))
    count_L = np.bincount(positions(found), minlength=len(found.dictionary) + 1)[:-1]
    names = found.dictionary.to_pylist()
    order = sorted(np.flatnonzero(count_L), key=lambda code: (-count_L[code], names[code]))
    kept, rest = order[:MOST_LEVELS], order[MOST_LEVELS:]
    return ColumnReference(
        **base,
        levels=tuple(names[code] for code in kept),
        counts=tuple(int(count_L[code]) for code in kept),
        n_rest=int(count_L[rest].sum()),
    )


def _points(present_N: Array) -> dict[str, Any]:
    """Every value where there are few, else evenly spaced quantiles; the rows up to each are counted exactly."""
    if not len(present_N):
        return {}
    point_P = np.unique(present_N)
    if len(point_P) > N_POINTS:
        places = np.linspace(0, len(present_N) - 1, N_POINTS).round().astype(np.int64)
        point_P = np.unique(present_N[places])
    until_P = np.searchsorted(present_N, point_P, side="right")
    return {
        "points": tuple(float(x) for x in point_P),
        "counts": tuple(int(n) for n in np.diff(until_P, prepend=0)),
    }


def _predictions(on_test: Predictions, store: Store) -> tuple[ColumnReference, ...]:
    """The predictions of the test rows, which the model has not seen: on those it has it is too sure of itself."""
    table = store.table(on_test.table)
    target = on_test.target
    if target.task == "regression":
        return (column_of(PREDICTED, "numeric", table["y_hat"]),)
    named = pa.DictionaryArray.from_arrays(one_array(table["y_hat"]), pa.array(target.classes))
    asked = range(len(target.classes)) if target.positive is None else (target.positive,)
    scores = tuple(column_of(f"p_{target.classes[k]}", "numeric", table[f"p_{k}"]) for k in asked)
    return (column_of(PREDICTED, "categorical", named), *scores)


def _sample(table: pa.Table, columns: Sequence[ColumnReference], n_sampled: int, seed: str, store: Store) -> Any:
    """Rows drawn by the digest of the data, each value as a coarse code. None where there is nothing to draw."""
    shown = [each for each in columns if each.is_looked_at]
    if not n_sampled or not shown:
        return None
    rng = np.random.default_rng(int(sha256_of(seed)[:16], 16))
    rows_N = np.sort(rng.choice(table.num_rows, min(n_sampled, table.num_rows), replace=False))
    drawn = table.take(pa.array(rows_N))
    return store.put_table(
        pa.table({each.name: coarse(drawn.column(each.name), each) for each in shown}), "sample.parquet"
    )


def coarse(column: Any, of: ColumnReference) -> Array:
    """The values as int16 [N]: a number as one of 32 intervals of equal shares, a text as its level, -1 if missing."""
    code_N = codes(column, of)
    if of.kind == "numeric":
        share_P = np.cumsum(of.counts) / sum(of.counts)
        bin_P = np.minimum((share_P * N_COARSE - 1e-9).astype(np.int64), N_COARSE - 1)
        code_N = np.where(code_N < 0, code_N, bin_P[np.clip(code_N - 1, 0, len(bin_P) - 1)])
    return code_N.astype(np.int16)

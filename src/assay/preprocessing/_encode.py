"""A fold, batch by batch, into npy files.

Each file is written front to back, so that neither the fold nor what comes out of it is ever whole in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike

from assay.artifacts import Encoded, Fold
from assay.preprocessing._encoder import Counts, Encoder
from assay.store import Store

BATCH_ROWS = 65_536
SIGNAL_ROWS = 1_024  # of a batch with images, texts or series


def batches(fold: Fold, columns: Sequence[str], store: Store, n_rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """The rows of a fold in the order of their ids. Walks the memory map once and copies the rows of one batch."""
    rows = store.array(fold.rows)
    start = 0
    for batch in store.table(fold.table, columns).to_batches(max_chunksize=n_rows):
        low, high = np.searchsorted(rows, [start, start + batch.num_rows])
        if low < high:
            yield batch.take(pa.array(rows[low:high] - start))
        start += batch.num_rows


def encode_fold(encoder: Encoder, fold: Fold, store: Store) -> Encoded:
    """Features and target of every row of a fold, stored."""
    layout, state = _layout(encoder), encoder.state
    columns = [*(column.name for column in state.inputs), state.target.column]
    rows_N, done, counts = store.array(fold.rows), 0, Counts()
    with ExitStack() as stack:
        drafts = {name: stack.enter_context(store.create(f"{name}.npy")) for name in layout}
        with ExitStack() as opened:
            files = [opened.enter_context(open(draft.path, "wb")) for draft in drafts.values()]
            for file, (dtype, shape) in zip(files, layout.values(), strict=True):
                _begin(file, dtype, (fold.n_rows, *shape))
            for batch in batches(fold, columns, store, BATCH_ROWS if state.signal is None else SIGNAL_ROWS):
                *arrays, met = encoder.counted(batch, rows_N[done : done + batch.num_rows])
                for file, array in zip(files, (encoder.target(batch), *arrays), strict=True):
                    np.ascontiguousarray(array).tofile(file)
                done, counts = done + batch.num_rows, counts + met
    return Encoded(
        **{name: draft.blob for name, draft in drafts.items()},
        n_rows=fold.n_rows,
        n_unseen=counts.n_unseen,
        n_missing=counts.n_missing,
    )


def _layout(encoder: Encoder) -> dict[str, tuple[DTypeLike, tuple[int, ...]]]:
    """The arrays of a fold: the type of each, and the shape of one row."""
    state = encoder.state
    layout: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
        "target": (np.int64 if state.target.task == "classification" else np.float32, ()),
        "numeric": (np.float32, (len(state.numeric),)),
        "codes": (encoder.code_type, (len(state.categorical),)),
    }
    if state.signal is not None:
        layout["signal"] = (state.signal.dtype, state.signal.signal.shape)
    return layout


def _begin(file: BinaryIO, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    header: dict[str, Any] = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)

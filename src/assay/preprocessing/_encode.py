"""A fold, batch by batch, into npy files.

Each file is written front to back, so that neither the fold nor what comes out of it is ever whole in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike

from assay.artifacts import Encoded, Fold
from assay.preprocessing._encoder import Counts, Encoder
from assay.store import Store

BATCH_ROWS = 65_536


def batches(fold: Fold, columns: Sequence[str], store: Store) -> Iterator[pa.RecordBatch]:
    """The rows of a fold in the order of their ids. Walks the memory map once and copies the rows of one batch."""
    rows = store.array(fold.rows)
    start = 0
    for batch in store.table(fold.table, columns).to_batches(max_chunksize=BATCH_ROWS):
        low, high = np.searchsorted(rows, [start, start + batch.num_rows])
        if low < high:
            yield batch.take(pa.array(rows[low:high] - start))
        start += batch.num_rows


def encode_fold(encoder: Encoder, fold: Fold, store: Store) -> Encoded:
    """Features and target of every row of a fold, stored."""
    state, n_rows = encoder.state, fold.n_rows
    columns = [*(column.name for column in state.inputs), state.target.column]
    counts = Counts()
    with (
        store.create("numeric.npy") as numeric,
        store.create("codes.npy") as codes,
        store.create("target.npy") as target,
        open(numeric.path, "wb") as x,
        open(codes.path, "wb") as c,
        open(target.path, "wb") as y,
    ):
        _begin(x, np.float32, (n_rows, len(state.numeric)))
        _begin(c, encoder.code_type, (n_rows, len(state.categorical)))
        _begin(y, np.int64 if state.target.task == "classification" else np.float32, (n_rows,))
        for batch in batches(fold, columns, store):
            numeric_BF, codes_BC, met = encoder.counted(batch)
            counts += met
            for file, array in ((x, numeric_BF), (c, codes_BC), (y, encoder.target(batch))):
                array.tofile(file)
    return Encoded(
        numeric=numeric.blob,
        codes=codes.blob,
        target=target.blob,
        n_rows=n_rows,
        n_unseen=counts.n_unseen,
        n_missing=counts.n_missing,
    )


def _begin(file: BinaryIO, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    header: dict[str, Any] = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)

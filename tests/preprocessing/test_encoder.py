"""The fitted preprocessing as a function of tables: the same for one row, a batch and a fold."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay import preprocessing
from assay.errors import DataError, StoreError
from assay.preprocessing import _encode
from assay.preprocessing._numeric import N_KNOTS

RNG = np.random.default_rng(2)
N = 1000
TABLE = pa.table(
    {
        "x": pa.array(np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N)), from_pandas=True),
        "k": RNG.integers(0, 50, N),
        "c": pa.array(RNG.choice([*"abcdefgh", None], N)),
        "t": pa.array(RNG.integers(0, 2**31, N), pa.timestamp("s")),
        "y": RNG.choice(["no", "yes"], N),
    }
)
SPEC = {"create": [{"name": "r", "ratio": ["x", "k"]}, {"name": "b", "bins": {"column": "k", "n": 5}}]}


def test_files_hold_what_single_rows_give_in_the_order_of_row_ids(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_encode, "BATCH_ROWS", 64)
    rows = np.flatnonzero(RNG.random(N) < 0.5)
    found = fit(TABLE, SPEC, rows=rows)
    numeric, codes, target = found.arrays(found.encode().train)
    assert (numeric.dtype, codes.dtype, target.dtype) == (np.float32, np.int16, np.int64)
    assert numeric.flags.c_contiguous
    assert codes.flags.c_contiguous
    for i in (0, 1, 63, 200, len(rows) - 1):
        row = TABLE.slice(rows[i], 1)
        for one_row in (row, row.to_batches()[0]):
            one_numeric, one_codes = found.encoder.features(one_row)
            np.testing.assert_array_equal(one_numeric[0], numeric[i])
            np.testing.assert_array_equal(one_codes[0], codes[i])
        assert found.encoder.target(row)[0] == target[i]


def test_an_empty_table_gives_empty_arrays(fit: Any) -> None:
    found = fit(TABLE, SPEC)
    numeric, codes = found.encoder.features(TABLE.slice(0, 0))
    assert numeric.shape == (0, len(found.prepared.numeric))
    assert codes.shape == (0, len(found.prepared.categorical))


def test_a_snapshot_in_many_pieces_gives_the_same_as_one_piece(fit: Any) -> None:
    pieces = pa.concat_tables([TABLE.slice(i, 100) for i in range(0, N, 100)])
    assert pieces["x"].num_chunks == 10
    one, many = fit(TABLE, SPEC, n_train=777), fit(pieces, SPEC, n_train=777)
    assert one.prepared == many.prepared
    assert one.encode() == many.encode()


def test_categories_alone_and_numbers_alone_make_arrays_without_columns_of_the_other_kind(fit: Any) -> None:
    numeric, codes, _ = (found := fit(TABLE.select(["c", "y"]))).arrays(found.encode().train)
    assert (numeric.shape, codes.shape) == ((N, 0), (N, 1))
    assert found.store.array(found.prepared.knots).shape == (0, N_KNOTS)
    numeric, codes, _ = (found := fit(TABLE.select(["k", "y"]))).arrays(found.encode().train)
    assert (numeric.shape, codes.shape) == ((N, 1), (N, 0))


def test_threads_may_share_an_encoder(fit: Any) -> None:
    encoder = fit(TABLE, SPEC).encoder
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: encoder.features(TABLE), range(8)))
    for numeric, codes in results:
        np.testing.assert_array_equal(numeric, results[0][0])
        np.testing.assert_array_equal(codes, results[0][1])


def test_a_column_that_is_null_throughout_is_missing(fit: Any) -> None:
    found = fit(TABLE)
    row = pa.table({name: pa.nulls(2) for name in ("x", "k", "c", "t")})
    numeric, codes, counts = found.encoder.counted(row)
    assert np.isfinite(numeric).all()
    np.testing.assert_array_equal(codes, [[0], [0]])
    assert (counts.n_missing, counts.n_unseen) == (8, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, r"'x' missing or there twice\. Allowed: a table with each of x, k, c, t once"),
        ({"x": pa.array(["1"])}, r"'x' has the type string\. Allowed: a number, as in training \(double\)"),
        ({"c": pa.array([1])}, r"'c' has the type int64\. Allowed: a text, as in training \(string\)"),
        ({"t": pa.array([1])}, r"Allowed: a time without a time zone, as in training \(timestamp\[s\]\)"),
        ({"t": pa.array([1], pa.timestamp("s", "UTC"))}, r"has the type timestamp\[s, tz=UTC\]"),
        ({"t": pa.array([2**62], pa.timestamp("s"))}, r"cannot be read as datetime"),
        ({"k": pa.array([[1]])}, r"'k' has the type list"),
    ],
)
def test_a_table_of_another_shape_is_an_error(fit: Any, changes: dict[str, Any], message: str) -> None:
    row = {name: TABLE[name].slice(0, 1) for name in TABLE.column_names} | changes
    table = pa.table({name: values for name, values in row.items() if values is not None})
    with pytest.raises(DataError, match=message):
        fit(TABLE).encoder.features(table)


def test_a_column_that_stands_twice_is_an_error(fit: Any) -> None:
    table = TABLE.append_column("x", TABLE["k"])
    with pytest.raises(DataError, match="missing or there twice"):
        fit(TABLE).encoder.features(table)


def test_a_table_without_target_can_be_encoded_but_has_no_target(fit: Any) -> None:
    encoder = fit(TABLE).encoder
    assert encoder.features(TABLE.drop_columns("y"))[0].shape == (N, 9)
    with pytest.raises(DataError, match="'y', the target, is missing"):
        encoder.target(TABLE.drop_columns("y"))


def test_changed_bytes_are_refused(fit: Any) -> None:
    found = fit(TABLE)
    path = found.store.path(found.prepared.state)
    path.write_bytes(path.read_bytes().replace(b"0", b"1"))
    with pytest.raises(StoreError, match="differ from their digest"):
        preprocessing.encoder(found.prepared, store=found.store)


def test_a_state_of_another_version_is_refused(fit: Any) -> None:
    found = fit(TABLE)
    text = found.store.read(found.prepared.state).replace(b'"version":1', b'"version":99')
    prepared = dataclasses.replace(found.prepared, state=found.store.put(text, "preprocessing.json"))
    with pytest.raises(StoreError, match=r"version 99\. Allowed: 1"):
        preprocessing.encoder(prepared, store=found.store)


def test_one_row_takes_less_than_a_millisecond(fit: Any) -> None:
    encoder, row = fit(TABLE, SPEC).encoder, TABLE.slice(3, 1)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        encoder.features(row)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 1e-3

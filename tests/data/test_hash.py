from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data._columns import encode
from assay.data._hash import row_hashes

CELLS = st.one_of(st.none(), st.text(max_size=4))
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32))
ROWS = st.lists(st.tuples(CELLS, CELLS, NUMBERS), min_size=1, max_size=30)


def hashed(rows: list[tuple[object, ...]]) -> list[int]:
    columns = list(zip(*rows, strict=True))
    types = (pa.string(), pa.string(), pa.float64())
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    table = encode([pa.record_batch(arrays, names=["a", "b", "n"])])
    hashes: list[int] = row_hashes(table, table.column_names).tolist()
    return hashes


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 99))
def test_equal_rows_have_equal_hashes_wherever_they_stand_and_others_differ(
    rows: list[tuple[object, ...]], seed: int
) -> None:
    hashes = hashed(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    assert hashed([rows[i] for i in order]) == [hashes[i] for i in order]
    assert len(set(hashes)) == len(set(rows))


def test_columns_count_by_name_and_not_by_place() -> None:
    table = pa.table({"a": [1, 2], "b": ["1", None]})
    encoded = encode(table.to_batches())
    assert row_hashes(encoded, ["a", "b"]).tolist() == row_hashes(encoded, ["b", "a"]).tolist()
    renamed = encode(table.rename_columns(["b", "a"]).to_batches())
    assert set(row_hashes(encoded, ["a", "b"])).isdisjoint(row_hashes(renamed, ["a", "b"]).tolist())


def test_the_width_of_a_type_does_not_matter() -> None:
    zeros = pa.array([0.0, -0.0, 1.0])
    wide, narrow = (
        encode(pa.table({"n": pa.array([1, None, 3], kind), "z": zeros}).to_batches())
        for kind in (pa.float64(), pa.int8())
    )
    assert row_hashes(wide, ["z"])[0] == row_hashes(wide, ["z"])[1]
    assert row_hashes(wide, ["n", "z"]).tolist() == row_hashes(narrow, ["n", "z"]).tolist()


def test_times_are_hashed_by_the_moment() -> None:
    when = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    tables = [pa.table({"t": pa.array([when], pa.timestamp(unit, "UTC"))}) for unit in ("s", "ns")]
    one, other = (row_hashes(encode(table.to_batches()), ["t"]) for table in tables)
    assert one == other


def test_many_rows_are_hashed_apart() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 2**40, (300_000, 2))
    hashes = row_hashes(pa.table({"a": pairs[:, 0], "b": pairs[:, 1]}), ["a", "b"])
    assert len(np.unique(hashes)) == len(np.unique(pairs, axis=0))
    assert abs((hashes >> np.uint64(63)).mean() - 0.5) < 0.005

"""Objects are stored whole, once, under their digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.artifacts import Blob, TrainFold
from assay.errors import StoreError
from assay.store import Store, write_durably


def objects(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_an_object_is_named_by_the_sha256_of_its_bytes_and_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = store.put(b"hello", "a.txt"), store.put(b"hello", "b.txt")
    assert first.sha256 == second.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert len(objects(store)) == 1
    assert store.read(first) == b"hello"


def test_a_draft_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail() -> None:
        with store.create("a.txt") as draft:
            draft.path.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert objects(store) == []


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    blob = store.put(b"hello", "a.txt")
    assert store.holds(blob)
    store.path(blob).write_bytes(b"hellO")
    assert not Store(tmp_path).holds(blob)
    with pytest.raises(StoreError, match="differ from their digest"):
        store.read(blob)


def test_missing_and_short_objects_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    blob = store.put(b"hello", "a.txt")
    store.path(blob).write_bytes(b"hel")
    with pytest.raises(StoreError, match="has 3 bytes; 5 were written"):
        store.path(blob)
    store.root.joinpath(blob.uri).unlink()
    with pytest.raises(StoreError, match="gone"):
        store.path(blob)
    assert not store.holds(blob)


def test_a_damaged_object_is_replaced_by_the_next_writer(tmp_path: Path) -> None:
    store = Store(tmp_path)
    blob = store.put(b"hello", "a.txt")
    store.path(blob).write_bytes(b"hellO")
    Store(tmp_path).put(b"hello", "a.txt")
    assert Store(tmp_path).read(blob) == b"hello"


@pytest.mark.parametrize("name", ["table.arrow", "table.parquet"])
def test_tables_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    table = pa.table({"x": [1, 2, 3], "s": pa.array(["a", "b", "a"]).dictionary_encode()})
    blob = store.put_table(table, name)
    assert store.table(blob).equals(table)
    assert store.table(blob, ["s"]).column_names == ["s"]


def test_the_rows_of_a_fold_are_those_of_its_ids(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = store.put_table(pa.table({"x": list(range(10))}), "table.arrow")
    rows = store.put_array(np.array([2, 5, 7]), "rows.npy")
    fold = TrainFold(table=table, rows=rows, n_rows=3)
    assert store.rows(fold).to_pydict() == {"x": [2, 5, 7]}


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="allow_pickle"):
        store.put_array(np.array([{}], dtype=object), "a.npy")
    pickled = tmp_path / "evil.npy"
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    blob = store.put_file(pickled)
    with pytest.raises(ValueError, match="Python objects"):
        store.array(blob)
    assert isinstance(blob, Blob)


def test_a_durable_write_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a/b.json"
    write_durably(path, b"1")
    write_durably(path, b"22")
    assert path.read_bytes() == b"22"
    assert [item.name for item in path.parent.iterdir()] == ["b.json"]

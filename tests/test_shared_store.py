"""A store that several machines share through a bucket: here two folders and a real S3 API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assay.errors import StoreError
from assay.ledger import Ledger
from assay.store import Bucket, Disk, Files, Store


@pytest.fixture
def here(bucket: str, tmp_path: Path) -> Store:
    return Store(tmp_path / "here/store", Bucket(bucket))


@pytest.fixture
def there(bucket: str, tmp_path: Path) -> Store:
    return Store(tmp_path / "there/store", Bucket(bucket))


def test_what_one_machine_stores_another_reads(here: Store, there: Store) -> None:
    table = pa.table({"x": list(range(1000))})
    blob = here.put_table(table, "table.arrow")
    assert there.holds(blob)
    assert there.table(blob).equals(table)
    assert there.path(blob).is_relative_to(there.root)


def test_an_object_of_many_pieces_arrives_whole(here: Store, there: Store) -> None:
    data = bytes(range(256)) * 100_000  # 25 MB: an upload of several parts
    assert there.read(here.put(data, "large.bin")) == data


def test_other_bytes_in_the_bucket_are_refused_and_leave_nothing(here: Store, there: Store, bucket: str) -> None:
    blob = here.put(b"hello", "a.txt")
    Bucket(bucket).write(blob.uri, b"hellO")
    with pytest.raises(StoreError, match=r"a\.txt: the bytes at s3://.* differ from their digest"):
        there.path(blob)
    assert not there.holds(blob)
    assert [path for path in there.root.rglob("*") if path.is_file()] == []


def test_damage_on_a_disk_is_mended_from_the_bucket(here: Store) -> None:
    blob = here.put(b"hello", "a.txt")
    here.path(blob).write_bytes(b"hellO")
    assert here.holds(blob)
    assert here.read(blob) == b"hello"


def test_what_was_stored_before_there_was_a_bucket_is_sent_when_it_is_asked_for(
    tmp_path: Path, bucket: str, there: Store
) -> None:
    blob = Store(tmp_path / "here/store").put(b"hello", "a.txt")
    with pytest.raises(StoreError, match="gone"):
        there.read(blob)
    assert Store(tmp_path / "here/store", Bucket(bucket)).holds(blob)
    assert there.read(blob) == b"hello"


def test_a_bucket_that_does_not_answer_is_one_clear_error(tmp_path: Path, bucket: str) -> None:
    away = Store(tmp_path / "store", Bucket("s3://none/x?scheme=http&endpoint_override=127.0.0.1:9&region=us-east-1"))
    with pytest.raises(StoreError, match=r"s3://none/x cannot be used"):
        away.put(b"hello", "a.txt")


@pytest.mark.parametrize("uri", ["ftp://host/x", "s3://", "s3://key:secret@bucket/x", "/a/folder", "file:///etc"])
def test_another_address_is_refused_without_repeating_a_key(uri: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("ASSAY_STORE", uri)
    with pytest.raises(StoreError, match="Allowed: s3://BUCKET/PREFIX") as caught:
        Ledger(tmp_path)
    assert "secret" not in str(caught.value)


@pytest.fixture(params=["disk", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return Disk(tmp_path / "files") if request.param == "disk" else Bucket(request.getfixturevalue("bucket"))


def test_files_are_written_listed_and_removed_alike(files: Files) -> None:
    assert files.names() == []
    for name in ("b", "a/1", "a/2"):
        files.write(name, name.encode())
    files.write("b", b"new")
    assert files.names() == ["a/1", "a/2", "b"]
    assert (files.read("a/2"), files.read("b")) == (b"a/2", b"new")
    files.remove("a")
    files.remove("nothing")
    assert files.names() == ["b"]
    with pytest.raises(FileNotFoundError):
        files.read("a/1")
    files.remove()
    assert files.names() == []


def test_what_is_appended_is_read_once_and_in_order(files: Files) -> None:
    more = files.tail("log")
    assert more() == b""
    files.write("other", b"")
    files.append("log", b"one")
    files.append("log", b"two")
    assert more() == b"onetwo"
    files.append("log", b"three")
    assert (more(), more()) == (b"three", b"")
    assert files.tail("log")() == b"onetwothree"

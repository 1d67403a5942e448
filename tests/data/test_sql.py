from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay.errors import DataError
from assay.store import Store

from .conftest import Take


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "people.db")) as connection:
        connection.execute("CREATE TABLE people (age INTEGER, height REAL, name TEXT, blank TEXT)")
        rows = [(i % 90, i / 7 if i % 5 else None, f"n{i % 30}", None) for i in range(70_000)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    return tmp_path / "people.db"


def test_a_query_arrives_as_it_was_answered(take: Take, store: Store, database: Path) -> None:
    snapshot = take(source="sql", uri="sqlite:///people.db", query="SELECT age, height, name, blank FROM people")
    with closing(sqlite3.connect(database)) as connection:
        expected = connection.execute("SELECT age, height, name, blank FROM people").fetchall()
    assert list(zip(*store.table(snapshot.table).to_pydict().values(), strict=True)) == expected
    assert [column.kind for column in snapshot.columns] == ["numeric", "numeric", "categorical", "numeric"]


def test_the_digest_is_that_of_the_rows(take: Take, database: Path) -> None:
    options = {"source": "sql", "uri": "sqlite:///people.db"}
    first = take(query="SELECT age FROM people", **options).source
    assert take(query="SELECT  age\nFROM people", **options).source.sha256 == first.sha256
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE people SET age = 91 WHERE rowid = 5")
        connection.commit()
    assert take(query="SELECT age FROM people", **options).source.sha256 != first.sha256


def test_a_column_that_is_null_at_first_takes_the_type_of_its_values(take: Take, store: Store, database: Path) -> None:
    query = "SELECT CASE WHEN rowid > 69000 THEN name END AS late FROM people ORDER BY rowid"
    late = store.table(take(source="sql", uri="sqlite:///people.db", query=query).table)["late"].to_pylist()
    assert late[:69_000] == [None] * 69_000
    assert late[69_000] == "n0"


def test_a_variable_of_the_environment_fills_the_uri(
    take: Take, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEOPLE", "people.db")
    assert take(source="sql", uri="sqlite:///${PEOPLE}", query="SELECT age FROM people").n_rows == 70_000
    with pytest.raises(DataError, match="environment variable NOWHERE, which is not set"):
        take(source="sql", uri="sqlite:///${NOWHERE}", query="SELECT 1")


@pytest.mark.parametrize(
    ("uri", "query", "message"),
    [
        ("sqlite:///poeple.db", "SELECT 1", r"no SQLite file .*Did you mean 'people\.db'"),
        ("sqlite:///people.db", "SELECT weight FROM people", r"no such column: weight"),
        ("sqlite:///people.db", "SELECT age, name AS age FROM people", r"twice: 'age'"),
        ("sqlite:///people.db", "SELECT age FROM people WHERE age > 1000", r"no rows"),
        ("sqlite:///people.db", "DELETE FROM people", r"readonly database"),
        ("sqlite:///people.db", "SELECT 1 AS a UNION ALL SELECT 'x'", r"Column 'a' of the query holds int, str"),
        ("nonsense", "SELECT 1", r"is not a database URI"),
        ("nonsense://host/db", "SELECT 1", r"unknown database 'nonsense'"),
    ],
)
def test_what_goes_wrong_in_a_database_is_told(take: Take, database: Path, uri: str, query: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        take(source="sql", uri=uri, query=query)


@pytest.mark.parametrize(
    "uri", ["postgresql://ada:${PG_SECRET}@127.0.0.1:1/x", "oracle://ada:${PG_SECRET}@h/x", "//${PG_SECRET}"]
)
def test_no_error_repeats_a_secret(take: Take, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("PG_SECRET", "canary-7f3a")
    with pytest.raises(DataError) as caught:
        take(source="sql", uri=uri, query="SELECT 1")
    assert "canary-7f3a" not in str(caught.value)


def test_a_description_shows_no_password(take: Take, database: Path) -> None:
    source = take(source="sql", uri="sqlite:///people.db", query="SELECT age FROM people").source
    assert "people.db" in source.description
    assert "SELECT age FROM people" in source.description

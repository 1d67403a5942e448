"""A SQL query, read through SQLAlchemy.

The digest of a query is that of its rows, so the query runs once to be recognised and once to be read. A query without
ORDER BY may return its rows in another order, and they are then other data. Nothing is ever committed.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from assay.artifacts import Source
from assay.data import _columns
from assay.errors import DataError, did_you_mean
from assay.spec.words import Words

_BATCH_ROWS = 1 << 16
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Config(Words):
    """`uri` as SQLAlchemy writes it (`postgresql://` is psycopg 3); `${NAME}` in it is an environment variable."""

    uri: str = Field(min_length=1)
    query: str = Field(min_length=1)


def fingerprint(config: Config, root: Path) -> Source:
    """The digest of the rows that the query returns now."""
    digest = hashlib.sha256()
    n_bytes = 0
    with _rows(config, root) as (names, partitions):
        digest.update(repr(names).encode())
        for partition in partitions:
            for row in partition:
                data = repr(tuple(row)).encode()
                digest.update(data)
                n_bytes += len(data)
    return Source(
        description=f"{_shown(_url(config))}: {' '.join(config.query.split())[:200]}",
        sha256=digest.hexdigest(),
        n_bytes=n_bytes,
    )


def read(config: Config, root: Path) -> pa.Table:
    """The rows that the query returns, encoded."""
    with _rows(config, root) as (names, partitions):
        return _columns.encode(_batch(names, partition) for partition in partitions)


def _batch(names: list[str], rows: Sequence[sa.Row[Any]]) -> pa.RecordBatch:
    arrays = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(pa.array(values))
        except (pa.ArrowException, TypeError, OverflowError) as problem:
            kinds = sorted({type(value).__name__ for value in values if value is not None})
            raise DataError(
                f"Column {name!r} of the query holds {', '.join(kinds[:5])}. Allowed: numbers, booleans, text, dates "
                "and times, one type in all rows. Write a CAST into the query."
            ) from problem
    return pa.RecordBatch.from_arrays(arrays, names)


@contextmanager
def _rows(config: Config, root: Path) -> Iterator[tuple[list[str], Iterator[Sequence[sa.Row[Any]]]]]:
    """The column names of the query and its rows, in partitions. Whatever goes wrong is told without secrets."""
    url = _url(config)
    try:
        with _engine(url, root).connect() as connection:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=_BATCH_ROWS)
            result = streaming.exec_driver_sql(config.query)
            yield list(result.keys()), result.partitions(_BATCH_ROWS)
    except ModuleNotFoundError as problem:
        raise DataError(f"{_shown(url)}: the driver {problem.name!r} is not installed. Install it with pip.") from None
    except NoSuchModuleError:
        raise DataError(f"{_shown(url)}: unknown database {url.drivername!r}. Allowed: those of SQLAlchemy.") from None
    except SQLAlchemyError as problem:
        raise DataError(f"{_shown(url)}: {_told(problem, url, config)}") from None


def _url(config: Config) -> sa.URL:
    """The URI with its variables filled in."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise DataError(f"`uri` names the environment variable {match[1]}, which is not set. Set it and run again.")
        return os.environ[match[1]]

    try:
        url = sa.make_url(_VARIABLE.sub(value, config.uri))
    except (ArgumentError, ValueError):  # their words repeat the URI, which may hold a password
        raise DataError(
            "`uri` is not a database URI. Allowed: DIALECT://USER:${PASSWORD}@HOST:PORT/DATABASE, sqlite:///FILE. "
            "Write special characters of a password as %XX."
        ) from None
    return url


def _engine(url: sa.URL, root: Path) -> sa.Engine:
    """An engine that keeps no connection. A SQLite file is looked for under `root` and opened for reading only."""
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool)
    path = root.absolute() / (url.database or "")
    if not path.is_file():
        near = did_you_mean(path.name, [entry.name for entry in path.parent.glob("*")])
        raise DataError(f"There is no SQLite file {path}. Allowed: a file that exists. {near}".rstrip())
    read_only = f"file:{quote(str(path))}?mode=ro"
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(read_only, uri=True), poolclass=sa.NullPool)


def _shown(url: sa.URL) -> str:
    """The URL without the password, and without options, which may hold another."""
    return url.set(query={}).render_as_string(hide_password=True)


def _told(problem: SQLAlchemyError, url: sa.URL, config: Config) -> str:
    """The database's own words, on one line, every secret of the URI cut out."""
    text = " ".join(str(getattr(problem, "orig", None) or problem).split())
    secrets = [os.environ.get(name, "") for name in _VARIABLE.findall(config.uri)]
    secrets += [str(url.password or ""), *map(str, url.query.values())]
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text[:500]

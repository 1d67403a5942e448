from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from assay.artifacts import Blob, Column, Snapshot, Source, ValidationReport
from assay.spec.data import ValidationSpec
from assay.store import Store
from assay.validation import _child, validate

Check = Callable[..., ValidationReport]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def snapshot(store: Store) -> Callable[[pa.Table], Snapshot]:
    """A snapshot of a table whose types are those of snapshots, as `data` would make it."""

    def make(table: pa.Table) -> Snapshot:
        blob: Blob = store.put_table(table.combine_chunks(), "snapshot.arrow")
        source = Source(description="a test", sha256="0" * 64, n_bytes=0)
        columns = tuple(_column(field, table.column(field.name)) for field in table.schema)
        return Snapshot(table=blob, source=source, columns=columns, n_rows=table.num_rows)

    return make


def _column(field: pa.Field, values: pa.ChunkedArray) -> Column:
    kind: Any = "numeric"
    arrow_type = str(field.type)
    if pa.types.is_dictionary(field.type):
        kind, arrow_type = "categorical", (field.metadata or {}).get(b"was", b"string").decode()
    if pa.types.is_timestamp(field.type):
        kind = "datetime"
    return Column(name=field.name, kind=kind, arrow_type=arrow_type, n_null=values.null_count)


@pytest.fixture
def check(snapshot: Callable[[pa.Table], Snapshot], store: Store) -> Check:
    """Hold expectations, written as in a spec, against the columns of a table."""

    def hold(table: pa.Table, *expectations: dict[str, Any], personal: tuple[str, ...] = ()) -> ValidationReport:
        spec = ValidationSpec.model_validate({"expectations": expectations})
        return validate(snapshot(table), spec, personal, store=store)

    return hold


def page(store: Store, report: ValidationReport) -> str:
    """The Data Docs page of a report."""
    assert report.docs is not None
    return store.read(report.docs).decode()


@pytest.fixture(scope="module")
def served() -> Iterator[_child._Child]:
    """One child for all tests that ask about expectations; how it starts and ends has tests of its own."""
    child = _child._start()
    yield child
    child.stop()


@pytest.fixture
def ask(check: Check, served: _child._Child, monkeypatch: pytest.MonkeyPatch) -> Check:
    """`check`, answered by the child that stays."""

    def line(request: dict[str, Any], *, personal: bool) -> list[dict[str, Any]]:
        assert served.process.stdin is not None
        assert served.process.stdout is not None
        print(json.dumps(request), file=served.process.stdin, flush=True)
        answers: list[dict[str, Any]] = json.loads(served.process.stdout.readline())
        return answers

    monkeypatch.setattr(_child, "ask", line)
    return check


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No process of a test outlives it, but for one that waits for its first request."""
    if "ask" in request.fixturenames:
        request.getfixturevalue("served")
    _child._stop_waiting()  # another package's test may have warmed one
    before = set(psutil.Process().children())
    yield
    _child._stop_waiting()
    left = set(psutil.Process().children()) - before
    assert [child for child in left if validates(child)] == []


def validates(process: psutil.Process) -> bool:
    """True for a process that validates, and is not one that only waits for its parent to take note of its end."""
    try:
        return "assay.validation._gx" in process.cmdline()
    except psutil.NoSuchProcess:  # a zombie counts as one
        return False

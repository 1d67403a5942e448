from __future__ import annotations

from pathlib import Path

import pytest

from assay import local
from assay.local import _doctor, _http


@pytest.mark.parametrize(
    ("name", "version", "bad"),
    [
        ("mlflow", "3.16.0", True),
        ("mlflow", "3.16.1", False),
        ("torch", "2.9.1+cu128", True),
        ("torch", "2.13.0+cpu", False),
        ("jinja2", "3.1.5", True),
        ("ray", "2.56.0", False),
    ],
)
def test_a_version_with_known_holes_is_named(name: str, version: str, bad: bool) -> None:
    found = list(_doctor._holes({name: version}))
    assert [check.verdict for check in found] == ["fail"] * bad
    assert all(version in check.found and "pip install" in check.advice for check in found)


@pytest.mark.parametrize(
    ("prefect", "fastapi", "n_bad"),
    [("3.8.8", "0.155.0", 1), ("3.8.8", "0.151.0", 1), ("3.8.8", "0.150.0", 0), ("3.9.0", "0.156.0", 0)],
)
def test_a_pair_that_does_not_go_together_is_named(prefect: str, fastapi: str, n_bad: int) -> None:
    assert len(list(_doctor._pairs({"prefect": prefect, "fastapi": fastapi}))) == n_bad
    assert list(_doctor._pairs({})) == []


def test_a_library_that_does_not_import_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_doctor, "EXTRAS", {"train": ("json", "no_such_library")})
    (check,) = _doctor._imports()
    assert check.verdict == "fail"
    assert "no_such_library: ModuleNotFoundError" in check.found
    assert "assay[train]" in check.advice


def test_a_library_that_takes_its_process_down_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashes_here.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(_doctor, "EXTRAS", {"train": ("json", "crashes_here", "csv")})
    (check,) = _doctor._imports()
    assert check.found == "crashes_here: the process ended with 9"


def test_a_home_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert _doctor._disk(tmp_path / "new").verdict == "fail"


def test_a_taken_port_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("assay.local._servers.PORTS", {"prefect": port})
        assert _http.free_port(port) != port
        assert [check.verdict for check in _doctor._ports(tmp_path)] == ["warn"]


def test_a_prefect_whose_command_line_is_refused_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(_doctor._status, "find_api", lambda home: "http://127.0.0.1:9/api")  # nobody listens there
    check = _doctor._prefect(tmp_path)
    assert check.verdict == "fail"
    assert "flow-run ls" in check.found


def test_a_sound_installation_passes(tmp_path: Path) -> None:
    checks = {check.name: check for check in local.doctor(tmp_path)}
    assert {name: check.found for name, check in checks.items() if check.verdict == "fail"} == {}
    for stage in ("ingest", "train", "decide"):
        assert stage in checks["a small run"].found
    assert list(tmp_path.iterdir()) == []

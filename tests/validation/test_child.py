"""The process that validates: started early or late, never left behind, its death told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from assay.errors import DataError
from assay.validation import _child, warm

from .conftest import Check, validates

TABLE = pa.table({"x": [1, 2, 3]})
EXPECTATION = {"type": "between", "column": "x", "min": 0}


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if validates(child)]


@pytest.fixture(autouse=True)
def _none_waits() -> None:
    """A child that a test elsewhere has left waiting, perhaps about to go with the thread that started it, is ended."""
    _child._stop_waiting()


def the_child(within_s: float = 10) -> psutil.Process:
    """The one that waits: it has its command line only once the system has loaded it."""
    end = time.monotonic() + within_s
    while len(found := children()) != 1 and time.monotonic() < end:
        time.sleep(0.02)
    (waiting,) = found
    return waiting


def gone(pid: int, within_s: float = 10) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_one_child_waits_is_asked_once_and_ends_and_the_next_request_starts_another(check: Check) -> None:
    warm()
    warm()
    waiting = the_child()
    assert check(TABLE, EXPECTATION).passed
    assert not waiting.is_running()
    assert children() == []
    assert check(TABLE, {**EXPECTATION, "max": 2}).passed is False


def test_a_child_that_died_while_it_waited_is_replaced(check: Check) -> None:
    warm()
    waiting = the_child()
    waiting.kill()
    waiting.wait(5)
    assert check(TABLE, EXPECTATION).passed


def test_a_child_that_dies_at_work_is_told(check: Check) -> None:
    warm()
    waiting = the_child()
    waiting.suspend()
    threading.Timer(0.3, lambda: waiting.kill()).start()
    with pytest.raises(DataError, match=r"ended by signal 9 before it had answered.*out of memory"):
        check(TABLE, EXPECTATION)
    assert children() == []


@pytest.mark.parametrize("personal", [False, True])
def test_the_last_words_of_a_broken_child_are_told_unless_they_may_be_personal(
    check: Check, monkeypatch: pytest.MonkeyPatch, personal: bool
) -> None:
    program = "import sys; sys.stdin.readline(); sys.exit('the value canary is strange')"
    monkeypatch.setattr(_child, "_COMMAND", (sys.executable, "-c", program))
    with pytest.raises(DataError, match="with exit status 1") as caught:
        check(TABLE, EXPECTATION, personal=("x",) if personal else ())
    assert ("canary" in str(caught.value)) is not personal


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_its_parent_however_that_ends(end: signal.Signals) -> None:
    program = (
        "from assay.validation import warm, _child; warm(); print(_child._waiting.process.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.send_signal(end)
        parent.wait()
        assert gone(pid)


def test_a_parent_that_never_asks_leaves_nothing(tmp_path: Path) -> None:
    program = "from assay.validation import warm, _child; warm(); print(_child._waiting.process.pid)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert gone(int(done.stdout))


def test_nothing_is_written_outside_the_store_and_no_module_of_the_working_folder_is_imported(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("TMPDIR", str(scratch))
    (scratch / "pandas.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(scratch)
    assert check(TABLE, EXPECTATION).passed
    assert list(home.rglob("*")) == []
    assert [path.name for path in scratch.rglob("*")] == ["pandas.py"]
    assert os.getcwd() == str(scratch)


def test_the_front_imports_nothing_heavy() -> None:
    program = textwrap.dedent("""
        import sys
        import assay.data, assay.validation
        heavy = {"great_expectations", "pandas", "pyarrow", "numpy", "sklearn", "scipy", "sqlalchemy"}
        print(sorted(heavy & set(sys.modules)))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

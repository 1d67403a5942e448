"""The ledger: what is written is whole, what is locked has one owner, what is killed is seen as crashed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.errors import AssayError, LockedError
from assay.ledger import Commit, EventLog, Ledger, find_home, read_events


def a_commit(key: str = "k1", **fields: object) -> Commit:
    known = {
        "stage": "train",
        "key": key,
        "parts": {"a": "1"},
        "artifact": "{}",
        "seconds": 1.0,
        "run_id": "r",
        "time": 0.0,
    }
    return Commit(**{**known, **fields})  # type: ignore[arg-type]


def test_a_commit_is_found_under_its_key_and_as_the_latest_of_its_spec(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.lookup("train", "k1") is None
    ledger.commit("adult", a_commit("k1"))
    ledger.commit("adult", a_commit("k2"))
    assert ledger.lookup("train", "k1") == a_commit("k1")
    assert ledger.latest("adult", "train") == a_commit("k2")
    assert ledger.latest("other", "train") is None


def test_a_damaged_commit_is_no_commit(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.commit("adult", a_commit())
    (tmp_path / "commits/train/k1.json").write_text('{"stage": "tr')
    assert ledger.lookup("train", "k1") is None


def test_an_unfinished_run_is_taken_up_again_and_a_finished_one_is_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    first = ledger.begin("adult", "key", "spec.yaml")
    assert ledger.begin("adult", "key", "spec.yaml").run_id == first.run_id
    ledger.save(type(first)(**{**_fields(first), "state": "finished"}))
    assert ledger.begin("adult", "key", "spec.yaml").run_id != first.run_id


def test_a_run_whose_process_is_gone_is_crashed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.lock("run-key"):
        row = ledger.begin("adult", "key", "spec.yaml")
        assert ledger.run(row.run_id).state == "running"
    assert ledger.run(row.run_id).state == "crashed"


def test_a_lock_has_one_holder_and_is_free_after_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys, time; from assay.ledger import Ledger\n"
        "with Ledger(sys.argv[1]).lock('x'): print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=str(child.pid)), Ledger(tmp_path).lock("x", wait_s=0.1):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with Ledger(tmp_path).lock("x", wait_s=1):
        pass


def test_events_are_numbered_without_gaps_even_after_a_line_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    for n in range(3):
        log.emit("epoch", epoch=n)
    log.close()
    with open(path, "ab") as file:
        file.write(b'{"seq": 3, "ki')
    assert [event["seq"] for event in read_events(path)] == [0, 1, 2]
    log = EventLog(path)
    log.emit("epoch", epoch=3)
    log.close()
    assert [(event["seq"], event["epoch"]) for event in read_events(path)] == [(n, n) for n in range(4)]


def test_listeners_hear_every_event_in_order(tmp_path: Path) -> None:
    heard: list[dict[str, object]] = []
    log = EventLog(tmp_path / "events.jsonl", (heard.append,))
    log.emit("notice", text="a")
    log.emit("notice", text="b")
    log.close()
    assert heard == list(read_events(tmp_path / "events.jsonl"))


def test_only_a_running_run_can_be_cancelled_and_only_its_own_process_is_ended(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    row = ledger.begin("adult", "key", "spec.yaml")
    with pytest.raises(AssayError, match="crashed"):
        ledger.cancel(row.run_id)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with ledger.lock("run-key"):
        ledger.save(type(row)(**{**_fields(row), "pid": child.pid, "pid_started": time.time() - 3600}))
        with pytest.raises(AssayError, match="gone"):
            ledger.cancel(row.run_id)
    assert child.poll() is None
    child.kill()
    child.wait()


def test_an_unknown_run_is_answered_with_those_there_are(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    row = ledger.begin("adult", "key", "spec.yaml")
    with pytest.raises(AssayError, match=row.run_id):
        ledger.run("../../etc")


def test_the_home_is_the_nearest_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_HOME", raising=False)
    (tmp_path / ".assay").mkdir()
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")
    assert find_home() == tmp_path / ".assay"
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "other"))
    assert find_home() == tmp_path / "other"


def _fields(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__slots__}  # type: ignore[attr-defined]

"""Commands that only read: plugins, runs, logs, servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.cli import main
from assay.ledger import EventLog, Ledger, RunRow
from assay.spec import plugins


@pytest.fixture
def row(home: Path) -> RunRow:
    """A run of this process that has begun, heard of two stages, and is over."""
    ledger = Ledger(home)
    begun = ledger.begin("adult", "k" * 64, "adult.yaml")
    log = EventLog(ledger.folder(begun.run_id) / "events.jsonl")
    log.emit("stage_started", stage="ingest")
    log.emit("epoch", epoch=1, n_epochs=2, train_loss=0.5, valid_loss=0.25)
    log.close()
    return begun


@pytest.mark.parametrize(("command", "kind"), [("models", "model"), ("gates", "gate"), ("sources", "source")])
def test_plugins_are_listed_with_the_first_paragraph_of_what_they_say(
    command: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)[command]
    assert tuple(listed) == plugins.names(kind)
    for name, about in listed.items():
        assert about == " ".join((plugins.load(kind, name).__doc__ or "").split("\n\n")[0].split())


def test_listing_models_imports_none_of_them() -> None:
    code = "import sys; from assay.cli import main; main(['models']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert "tabm" in done.stdout


def test_versions_are_those_installed(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["numpy"] == np.__version__


def test_a_run_whose_process_let_go_is_listed_as_crashed(row: RunRow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert row.run_id in line
    assert "crashed" in line


def test_logs_are_the_events_in_order(row: RunRow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", row.run_id]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["stage_started", "epoch"]
    assert "valid_loss=0.25" in lines[1]
    assert main(["logs", row.run_id, "--json"]) == 0
    assert [event["seq"] for event in json.loads(capsys.readouterr().out)["events"]] == [0, 1]


@pytest.mark.parametrize("command", ["logs", "cancel"])
def test_an_unknown_run_is_answered_with_those_there_are(
    command: str, row: RunRow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "nobody"]) == 4
    assert row.run_id in capsys.readouterr().err


def test_a_run_that_is_over_cannot_be_cancelled(row: RunRow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", row.run_id]) == 4
    assert "crashed" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_status_and_down_before_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["healthy"] is False
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "No server was running.\n"

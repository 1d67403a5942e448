"""How answers and progress look."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from rich.console import Console

from assay.cli import _print
from assay.cli._progress import Watch


@pytest.mark.parametrize(
    ("value", "text"), [(0.87123, "0.8712"), (-1.5, "-1.5000"), (12345.6, "12,346"), (None, ""), (-0.0, "0.0000")]
)
def test_numbers_have_as_many_digits_as_people_read(value: float | None, text: str) -> None:
    assert _print.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (125.0, "2 min 05 s"), (None, "")])
def test_durations_change_to_minutes(value: float | None, text: str) -> None:
    assert _print.seconds(value) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (204e6, "204 MB"), (8.2e13, "82.0 TB")]
)
def test_sizes_have_the_unit_that_leaves_the_fewest_digits(n_bytes: float, text: str) -> None:
    assert _print.size(n_bytes) == text


def committed(stage: str, reused: bool = False) -> dict[str, Any]:
    return {"kind": "stage_committed", "stage": stage, "reused": reused, "seconds": 0.25}


def epoch(number: int, n_epochs: int) -> dict[str, Any]:
    return {"kind": "epoch", "epoch": number, "n_epochs": n_epochs, "train_loss": 0.5, "valid_loss": 0.25}


def test_reused_stages_are_one_line_and_a_long_training_ten(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch() as watch:
        for stage in ("ingest", "validate"):
            watch.hear(committed(stage, reused=True))
        watch.hear({"kind": "stage_started", "stage": "train"})
        for number in range(1, 101):
            watch.hear(epoch(number, 100))
        watch.hear(committed("train"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split() == ["↺", "reused", "ingest,", "validate"]
    assert [line.split()[3] for line in lines[1:-1]] == [f"{n}/100" for n in range(10, 101, 10)]
    assert lines[-1].split() == ["✓", "train", "0.2", "s"]


def test_there_is_no_escape_code_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch() as watch:
        watch.say("words")
        watch.hear(committed("ingest"))
    told = capsys.readouterr()
    assert told.out == ""
    assert "\x1b" not in told.err


def test_a_terminal_shows_the_epoch_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(_print, "console", lambda to_stderr: Console(file=screen, force_terminal=True, width=100))
    with Watch() as watch:
        watch.hear({"kind": "stage_started", "stage": "train"})
        for number in range(1, 4):
            watch.hear(epoch(number, 4))
            time.sleep(0.25)  # longer than the screen waits between two pictures
        watch.hear(committed("train"))
    assert "epoch 3/4" in screen.getvalue()
    assert "00:0" in screen.getvalue()

"""What is cleaned up is what nobody needs: old runs, their commits and objects, checkpoints of finished trainings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import assay
from assay.ledger import Ledger
from assay.pipeline import RunResult


def run(spec_path: Path, home: Path, bound: float) -> RunResult:
    gates = f"gates=[{{gate: min_metric, metric: accuracy, at_least: {bound}}}]"
    return assay.run(assay.load_spec(spec_path, [gates, f"training.lr={bound / 50}"]), home=home)


@pytest.fixture
def three(spec_path: Path, home: Path) -> list[RunResult]:
    """Three trainings of one spec, all of them older than an hour."""
    results = [run(spec_path, home, bound) for bound in (0.5, 0.6, 0.7)]
    for path in home.rglob("*"):
        os.utime(path, (0, 0))
    return results


def files(home: Path) -> set[Path]:
    return {path for path in home.rglob("*") if path.is_file() and "locks" not in path.parts}


def test_a_dry_run_removes_nothing(three: list[RunResult], home: Path) -> None:
    before, uploaded = files(home), frozenset(result.run_id for result in three)
    assert Ledger(home).gc(keep=1, uploaded=uploaded, dry_run=True)
    assert files(home) == before


def test_old_runs_go_and_what_the_newest_needs_stays(three: list[RunResult], spec_path: Path, home: Path) -> None:
    uploaded = frozenset(result.run_id for result in three)
    removed = Ledger(home).gc(keep=1, uploaded=uploaded)
    assert {item.kind for item in removed} >= {"run", "commit", "object", "checkpoints"}
    assert [row.run_id for row in Ledger(home).runs()] == [three[-1].run_id]
    again = run(spec_path, home, 0.7)
    assert again.reused
    assert again.registered == three[-1].registered
    assert not run(spec_path, home, 0.5).reused


def test_a_run_that_mlflow_does_not_have_yet_stays_with_all_it_needs(
    three: list[RunResult], spec_path: Path, home: Path
) -> None:
    Ledger(home).gc(keep=0, uploaded=frozenset({three[1].run_id}))
    assert {row.run_id for row in Ledger(home).runs()} == {three[0].run_id, three[2].run_id}
    again = run(spec_path, home, 0.5)  # another model is champion by now, so the decision is made anew
    assert {stage.name for stage in again.stages if not stage.reused} <= {
        "decide",
        "documents",
        "evidence",
        "report",
        "register",
    }


def test_what_was_written_within_the_hour_stays(spec_path: Path, home: Path) -> None:
    result = run(spec_path, home, 0.5)
    removed = Ledger(home).gc(keep=0, uploaded=frozenset({result.run_id}))
    assert {item.kind for item in removed} <= {"checkpoints"}

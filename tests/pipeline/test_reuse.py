"""What is reused, what runs, and which input is the reason."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assay
from assay.artifacts import Report
from assay.ledger import Ledger
from assay.pipeline import RunResult
from assay.store import Store

AFTER_THE_GATES = {"decide", "documents", "evidence", "report", "register"}


def run(spec_path: Path, home: Path, *overrides: str, fresh: bool = False) -> RunResult:
    return assay.run(assay.load_spec(spec_path, overrides), home=home, fresh=fresh)


def ran(result: RunResult) -> set[str]:
    return {stage.name for stage in result.stages if not stage.reused}


def planned(spec_path: Path, home: Path, *overrides: str) -> dict[str, str]:
    plan = assay.plan(assay.load_spec(spec_path, overrides), home=home)
    return {stage.name: stage.reason for stage in plan.stages if stage.will_run}


@pytest.fixture
def first(spec_path: Path, home: Path) -> RunResult:
    """A finished run."""
    return run(spec_path, home)


def test_a_finished_run_again_reuses_everything_and_makes_no_second_version(
    first: RunResult, spec_path: Path, home: Path
) -> None:
    assert first.outcome == "promoted"
    again = run(spec_path, home)
    assert ran(again) == set()
    assert again.registered == first.registered
    assert again.run_id == first.run_id
    assert again.mlflow_run_id == first.mlflow_run_id != ""
    assert len(Ledger(home).runs()) == 1


def test_editing_a_gate_reruns_only_the_gate_and_what_follows(first: RunResult, spec_path: Path, home: Path) -> None:
    change = "gates=[{gate: min_metric, metric: accuracy, at_least: 0.99}]"
    reasons = planned(spec_path, home, change)
    assert set(reasons) == AFTER_THE_GATES
    assert "at_least: 0.6 -> 0.99" in reasons["decide"]
    result = run(spec_path, home, change)
    assert ran(result) == AFTER_THE_GATES
    assert result.outcome == "refused"
    assert result.registered is not None
    assert first.registered is not None
    assert result.registered.version == first.registered.version


@pytest.mark.parametrize(
    ("change", "runs_first", "reason"),
    [
        ("training.epochs=4", "train", "training.epochs: 3 -> 4"),
        ("seed=1", "split", "seed"),
        ("preprocessing.numeric.scale=standard", "preprocess", "config.numeric.scale: quantile -> standard"),
        ("evaluation.n_bootstrap=200", "calibrate", "n_bootstrap"),
        ("audit.min_share=0.1", "audit", "config.min_share: 0.02 -> 0.1"),
        ("compute.threads=1", "train", "compute.threads: None -> 1"),
    ],
)
def test_the_plan_names_the_input_that_changed(
    change: str, runs_first: str, reason: str, first: RunResult, spec_path: Path, home: Path
) -> None:
    reasons = planned(spec_path, home, change)
    assert next(iter(reasons)) == runs_first
    assert reason in reasons[runs_first]


def test_changed_bytes_of_the_data_are_seen(
    first: RunResult, spec_path: Path, home: Path, small_adult: pa.Table
) -> None:
    pq.write_table(small_adult.slice(0, small_adult.num_rows - 1), spec_path.parent / "small.parquet")
    reasons = planned(spec_path, home)
    assert reasons["ingest"] == "source"
    assert "`ingest` runs first" in reasons["split"]


def test_a_result_whose_bytes_changed_is_a_miss(first: RunResult, spec_path: Path, home: Path) -> None:
    store = Store(home / "store")
    weights = store.path(first.model.weights)
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert "train" in planned(spec_path, home)
    again = run(spec_path, home)
    assert "train" in ran(again)
    assert again.model.sha256 == first.model.sha256


def test_fresh_runs_every_stage_and_comes_to_the_same_model(first: RunResult, spec_path: Path, home: Path) -> None:
    again = run(spec_path, home, fresh=True)
    assert {stage.name for stage in again.stages} == ran(again)
    assert again.model.sha256 == first.model.sha256
    assert again.registered == first.registered


def test_a_plan_runs_nothing(spec_path: Path, home: Path) -> None:
    plan = assay.plan(assay.load_spec(spec_path), home=home)
    assert all(stage.will_run for stage in plan.stages)
    assert [stage.name for stage in plan.stages][:3] == ["ingest", "validate", "split"]
    assert not (home / "runs").exists()
    assert not (home / "store/objects").exists()


def test_a_table_from_python_takes_the_place_of_the_file(spec_path: Path, home: Path, small_adult: pa.Table) -> None:
    (spec_path.parent / "small.parquet").unlink()
    result = assay.run(assay.load_spec(spec_path), home=home, table=small_adult.to_pandas())
    assert result.snapshot.n_rows == small_adult.num_rows
    assert result.outcome == "promoted"


def test_a_champion_is_compared_on_the_same_rows_and_a_twin_does_not_beat_it_by_a_margin(
    first: RunResult, spec_path: Path, home: Path
) -> None:
    gate = "gates=[{gate: beats_champion, metric: roc_auc, margin: 0.02}]"
    challenger = run(spec_path, home, "training.epochs=4", gate)
    assert challenger.decision.champion_version == 1
    (verdict,) = challenger.decision.gates
    assert verdict.verdict in {"PASS", "INCONCLUSIVE"}
    assert verdict.low is not None
    assert challenger.registered is not None
    assert challenger.registered.version == 2
    assert challenger.registered.holds_alias == (verdict.verdict == "PASS")


def test_the_report_holds_the_review_page_and_its_pictures(first: RunResult, home: Path) -> None:
    assert isinstance(first.report, Report)
    page = Store(home / "store").read(first.report.review).decode()
    assert first.decision.reason.split(":")[0] in page
    assert {"learning-curve.svg", "roc.svg", "decision.json"} <= {blob.name for blob in first.report.files}


def test_looks_at_a_test_fold_are_counted_by_model(first: RunResult, spec_path: Path, home: Path) -> None:
    assert first.n_looks == 1
    assert run(spec_path, home, "training.epochs=4").n_looks == 2

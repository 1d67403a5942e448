"""The audit around the chain: data that must not be trained on end a run, and evidence leaves it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

import assay
from assay import audit, pipeline, tracking
from assay.artifacts import Bundle, from_json
from assay.cli import main
from assay.errors import DataAuditFailed
from assay.ledger import Ledger
from assay.registry import connect
from assay.store import digest_of

GATE = "gates=[{gate: max_disparity, metric: selection_rate, sensitive: sex, tolerance: 0.5}]"


def test_data_that_the_spec_refuses_end_the_run_before_training(spec_path: Path, home: Path) -> None:
    spec = assay.load_spec(spec_path, ["audit.data={max_label_gap: 0.05}"])
    with pytest.raises(DataAuditFailed, match=r"FAIL label bias, sex: Female: \d+\.\d+% of") as caught:
        assay.run(spec, home=home)
    assert "Nothing was trained" in str(caught.value)
    assert not list(Ledger(home).commits("train"))
    assert Ledger(home).runs()[0].state == "failed"


def test_what_cannot_be_decided_ends_a_run_only_where_the_spec_says_so(spec_path: Path, home: Path) -> None:
    gate = "gates=[{gate: max_disparity, metric: true_positive_rate, sensitive: sex, tolerance: 0.01}]"
    with pytest.raises(DataAuditFailed, match=r"cannot be decided with \d+ positives; it needs"):
        assay.run(assay.load_spec(spec_path, ["audit.data={stop_on: [INCONCLUSIVE]}", gate]), home=home)
    result = assay.run(assay.load_spec(spec_path, ["audit.data={}", gate]), home=home)
    assert result.outcome == "inconclusive"


def test_the_data_are_audited_alone_whether_or_not_the_spec_asks(spec_path: Path, home: Path) -> None:
    found, checks = pipeline.audit_data(assay.load_spec(spec_path), home=home)
    assert {check.check for check in checks.checks} >= {"proxy", "label bias", "representation", "personal data"}
    assert found.positive_rate == pytest.approx(0.24, abs=0.02)
    assert not list(Ledger(home).commits("train"))
    assert Ledger(home).runs() == []
    _, stopped = pipeline.audit_data(assay.load_spec(spec_path, ["audit.data={max_label_gap: 0.05}"]), home=home)
    assert stopped.stops


def test_an_edited_gate_does_not_count_the_data_again(spec_path: Path, home: Path) -> None:
    assay.run(assay.load_spec(spec_path, ["audit.data={}"]), home=home)
    plan = assay.plan(assay.load_spec(spec_path, ["audit.data={}", GATE]), home=home)
    assert [stage.name for stage in plan.stages if stage.will_run] == [
        "preflight", "decide", "documents", "evidence", "report", "register"
    ]  # fmt: skip


def test_evidence_is_shown_exported_verified_and_linked_from_the_model_version(
    spec_path: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = assay.run(assay.load_spec(spec_path, [GATE]), home=home)
    assert result.registered is not None
    assert main(["audit", "show", result.run_id]) == 0
    shown = capsys.readouterr().out
    assert "selection_rate by sex within 0.5" in shown
    assert "number 1 at this fold" in shown
    folder = tmp_path / "evidence"
    assert main(["audit", "export", result.run_id, str(folder)]) == 0
    assert main(["audit", "verify", str(folder)]) == 0
    assert main(["audit", "export", result.run_id, str(folder)]) == 4
    assert "is there already" in capsys.readouterr().err
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["subject"]["model"] == result.model.sha256
    version = connect(tracking.destination(home, None), home).get_model_version("small", "1")
    assert version.tags["assay.evidence"] == f"runs:/{result.mlflow_run_id}/evidence"
    assert version.tags["assay.evidence_sha256"] == digest_of(folder / "manifest.json")
    (folder / "decision.json").write_text("{}")
    assert main(["audit", "verify", str(folder)]) == 2
    assert "decision.json: changed" in capsys.readouterr().out


def test_the_data_of_a_spec_are_audited_from_the_command_line(
    spec_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "data", str(spec_path), "--set", "audit.data={max_label_gap: 0.05}"]) == 2
    shown = capsys.readouterr().out
    assert "label bias, sex: Female" in shown
    assert "would end a run" in shown


def test_a_waiver_beside_the_spec_promotes_and_its_evidence_verifies(
    spec_path: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_AUTHOR", "ann@example.org")
    gate = "gates=[{gate: min_metric, metric: accuracy, at_least: 0.6}, {gate: max_disparity, metric: selection_rate, "
    gate += "sensitive: sex, tolerance: 0.01}]"
    spec = assay.load_spec(spec_path, [gate, "audit.waivers=waivers.yaml"])
    waiver = {
        "id": "W-1",
        "check": "selection_rate by sex within 0.01",
        "groups": ["Female"],
        "reason": "The corrected model is being trained on the intake of this quarter.",
        "approver": "bob@example.org",
        "issued": str(date.today()),
        "expires": str(date.today() + timedelta(days=30)),
        "ceiling": 0.9,
        "model": "small",
        "data": digest_of(tmp_path / "small.parquet"),
        "evidence": "RISK-1",
    }
    (tmp_path / "waivers.yaml").write_text(json.dumps([waiver | {"approver": "ann@example.org"}]))
    assert assay.run(spec, home=home).outcome == "refused"
    source = assay.run(spec, home=home).snapshot.source.sha256
    (tmp_path / "waivers.yaml").write_text(json.dumps([waiver | {"data": source}]))
    result = assay.run(spec, home=home)
    assert (result.outcome, result.decision.gates[1].verdict) == ("promoted", "FAIL")
    store = Ledger(home).store
    (folder := tmp_path / "evidence").mkdir()
    event = [e for e in Ledger(home).events(result.run_id) if e.get("stage") == "evidence"][-1]
    bundle = from_json(Bundle, event["artifact"])
    for blob in (bundle.manifest, *bundle.files):
        (folder / blob.name).write_bytes(store.read(blob))
    assert audit.verify(folder).problems == ()


def test_other_seeds_and_sets_of_classes_are_ordered_by_the_chain(spec_path: Path, home: Path) -> None:
    asked = ["audit.seeds=2", "audit.conformal=0.9", "training.epochs=1"]
    result = assay.run(assay.load_spec(spec_path, asked), home=home)
    names = [stage.name for stage in result.stages]
    assert {"train-seed-1", "train-seed-2", "seeds", "conformal"} <= set(names)
    models = {commit.key for _, commit in Ledger(home).commits("train-seed-1")}
    assert len(models) == 1
    again = assay.run(assay.load_spec(spec_path, [*asked, GATE]), home=home)
    ran = {stage.name for stage in again.stages if not stage.reused}
    assert not ran & set(names[: names.index("decide")])

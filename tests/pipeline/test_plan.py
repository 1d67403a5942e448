"""The plan warns where more workers would be slower, judged by how long a step took."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import assay
import assay.errors
from assay.artifacts import Epoch, Model, from_json, to_json
from assay.ledger import Ledger


def with_step_time(home: Path, step_s: float) -> None:
    """Let the last training of `small` have taken `step_s` seconds a step."""
    ledger = Ledger(home)
    commit = ledger.latest("small", "train")
    assert commit is not None
    model = from_json(Model, commit.artifact)
    n_rows = sum(model.preprocessing.target.class_counts)
    epoch = Epoch(epoch=1, train_loss=1.0, valid_loss=1.0, lr=1.0, seconds=step_s * n_rows / 256)
    changed = replace(model, epochs=(epoch,))
    (home / "latest/small/train.json").unlink()
    ledger.remember("small", replace(commit, artifact=to_json(changed)))


@pytest.mark.parametrize(("step_ms", "warned"), [(0.3, True), (50_000.0, False)])
def test_the_plan_warns_where_workers_would_wait_for_each_other(
    step_ms: float, warned: bool, spec_path: Path, home: Path
) -> None:
    assay.run(assay.load_spec(spec_path), home=home)
    with_step_time(home, step_ms / 1000)
    plan = assay.plan(assay.load_spec(spec_path, ["compute.workers=2"]), home=home)
    assert bool(plan.warnings) == warned
    if warned:
        assert "training.batch_size" in plan.warnings[0]
        assert "training.sync_every" in plan.warnings[0]
    assert assay.plan(assay.load_spec(spec_path), home=home).warnings == ()


def test_a_plan_names_what_the_gates_will_ask(spec_path: Path, home: Path) -> None:
    plan = assay.plan(assay.load_spec(spec_path), home=home)
    assert plan.gates == ("min_metric: metric accuracy, at_least 0.6",)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("features.exclude=[agee]", "the data have no column 'agee'"),
        ("audit={sensitive: [sex], crossings: [[sex, race]]}", "'race' is not in `audit.sensitive`"),
        ("gates=[{gate: max_disparity, metric: accuracy, sensitive: rce, tolerance: 0.1}]", "'rce' is not in"),
        ("gates=[{gate: min_metric, metric: acuracy, at_least: 0.1}]", "Did you mean 'accuracy'?"),
    ],
)
def test_a_spec_that_does_not_fit_its_data_is_told_before_training(
    change: str, expected: str, spec_path: Path, home: Path
) -> None:
    with pytest.raises(assay.errors.SpecError, match=r".") as caught:
        assay.run(assay.load_spec(spec_path, [change]), home=home)
    assert expected in str(caught.value)
    assert not (home / "commits/train").exists()

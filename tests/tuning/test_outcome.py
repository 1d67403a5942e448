"""What is measured and told of a search: objectives, bounds, folds of a cross-validation, MLflow, the page."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from assay import pipeline
from assay.artifacts import Folds, Model, from_json
from assay.errors import DataAuditFailed, SpecError
from assay.ledger import Ledger
from assay.pipeline._trials import crossed
from assay.reporting._format import number
from assay.spec.loading import load_spec
from assay.spec.tuning import ConstraintSpec, CrossValidationSpec
from assay.tuning._result import excess, front
from tests.tuning.example import done, with_tune

GAP = "disparity/sex/selection_rate"


def test_a_front_holds_what_nothing_else_is_better_than() -> None:
    points = np.random.default_rng(0).random((60, 2))
    trials = [done(i, {}, float(a), measures=(("size", float(b)),)) for i, (a, b) in enumerate(points)]
    expected = [i for i, p in enumerate(points) if not any((q >= p).all() and (q > p).any() for q in points * [1, 1])]
    both_rise = front(trials, [("roc_auc", True), ("size", True)])
    assert sorted(both_rise) == expected
    assert list(both_rise) == sorted(both_rise, key=lambda i: -points[i][0])


def test_a_bound_that_was_not_measured_is_not_kept() -> None:
    bounds = [
        ConstraintSpec(disparity="selection_rate", sensitive="sex", at_most=0.1),
        ConstraintSpec(metric="roc_auc", at_least=0.8),
    ]
    assert excess(done(0, {}, 0.9), bounds, "roc_auc") == float("inf")
    assert excess(done(0, {}, 0.9, measures=((GAP, 0.15),)), bounds, "roc_auc") == pytest.approx(0.05)
    assert excess(done(0, {}, 0.9, measures=((GAP, 0.1),)), bounds, "roc_auc") <= 0


def test_the_winner_is_the_best_that_keeps_its_bounds_and_trials_are_runs_below_the_run(
    spec_path: Path, home: Path
) -> None:
    words = (
        "  trials: 6\n  objectives: [{disparity: selection_rate, sensitive: sex}, {metric: n_parameters}]\n"
        "  subject_to: [{disparity: selection_rate, sensitive: sex, at_most: 0.1}]\n  cost: {watts: 100, per_hour: 2}"
    )
    result = pipeline.run(load_spec(with_tune(spec_path, words=words)), home=home)
    found = result.search
    assert found is not None
    gaps = [dict(trial.measures)[GAP] for trial in found.trials]
    kept = [trial for trial, gap in zip(found.trials, gaps, strict=True) if gap <= 0.1]
    assert found.kept
    assert found.best == max(kept, key=lambda trial: trial.score or 0.0)
    assert max(gaps) > 0.1  # or the bound would ask for nothing

    client = MlflowClient(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_run(result.mlflow_run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{result.mlflow_run_id}'")
    assert len(children) == 6
    for child in children:
        trial = found.trials[int(child.data.tags["assay.trial"])]
        history = client.get_metric_history(child.info.run_id, "valid/roc_auc")
        assert tuple(point.value for point in sorted(history, key=lambda point: point.step)) == trial.scores
        assert float(child.data.params["training.lr"]) == pytest.approx(trial.settings["training.lr"])
        assert child.info.status == "FINISHED"
    assert [child.data.tags["assay.trial"] for child in children if "assay.winner" in child.data.tags] == [
        str(found.winner)
    ]

    page = Path(result.search_path).read_text()
    assert "6 configurations" in page
    test_auc = next(m.interval.value for m in result.evaluation.metrics if (m.fold, m.name) == ("test", "roc_auc"))
    assert f"{number(test_auc)} on test rows" in page
    assert "kWh at" in page
    assert page.count("<svg") == 6  # history, two slices, parallel coordinates, importance, front


def test_a_cross_validation_holds_every_row_out_once_and_its_score_is_the_mean(spec_path: Path, home: Path) -> None:
    spec = load_spec(with_tune(spec_path, words="  trials: 1\n  cross_validation: {folds: 3}"))
    found = pipeline.search(spec, home=home).search
    ledger = Ledger(home)
    models = [from_json(Model, commit.artifact) for _, commit in ledger.commits("train")]
    aucs = [dict(model.epochs[model.best_epoch - 1].metrics)["roc_auc"] for model in models]
    assert len(aucs) == 3
    assert found.best.score == pytest.approx(np.mean(aucs))
    folds = next(from_json(Folds, commit.artifact) for _, commit in ledger.commits("split"))
    store = ledger.store
    pairs = crossed(folds.train, folds.valid, CrossValidationSpec(folds=3, repeats=2), 0, store)
    rows = np.sort(np.concatenate([store.array(folds.train.rows), store.array(folds.valid.rows)]))
    for repeat in (pairs[:3], pairs[3:]):
        assert np.array_equal(np.sort(np.concatenate([store.array(valid.rows) for _, valid in repeat])), rows)
        for train, valid in repeat:
            assert not np.intersect1d(store.array(train.rows), store.array(valid.rows)).size
            assert train.n_rows + valid.n_rows == len(rows)


def test_rows_in_an_order_or_in_groups_are_not_cut_anew(spec_path: Path, home: Path) -> None:
    path = with_tune(spec_path, words="  cross_validation: {folds: 3}")
    with pytest.raises(SpecError, match="order or groups"):
        pipeline.search(load_spec(path, ["split={by: group, column: age, test_frac: 0.2}"]), home=home)


def test_the_winner_is_trained_on_valid_rows_too_but_for_a_slice(spec_path: Path, home: Path) -> None:
    spec = load_spec(with_tune(spec_path, words="  trials: 2\n  refit: {on: train+valid, keep_frac: 0.25}"))
    result = pipeline.run(spec, home=home)
    ledger = Ledger(home)
    store = ledger.store
    before = next(from_json(Folds, commit.artifact) for _, commit in ledger.commits("split"))
    train, valid, test = (
        [store.array(fold.rows) for fold in folds]
        for folds in (
            (before.train, result.folds.train),
            (before.valid, result.folds.valid),
            (before.test, result.folds.test),
        )
    )
    assert len(valid[1]) == round(0.25 * len(valid[0]))
    assert np.array_equal(np.union1d(train[1], valid[1]), np.union1d(train[0], valid[0]))
    assert not np.intersect1d(train[1], valid[1]).size
    assert np.array_equal(test[0], test[1])
    assert set(valid[1]) <= set(valid[0])
    assert result.search is not None
    alone = [commit for _, commit in ledger.commits("train")]
    assert len(alone) == 3  # two trials, and the last one on more rows
    assert dict(result.model.epochs[0].metrics) != {}
    with pytest.raises(SpecError, match="order or groups"):
        pipeline.run(load_spec(spec_path, ["split={by: group, column: age, test_frac: 0.2}"]), home=home)


def test_data_that_are_refused_cost_no_trial(spec_path: Path, home: Path) -> None:
    path = with_tune(spec_path)
    refusing = ["audit.data={max_label_gap: 0.001, stop_on: [FAIL, INCONCLUSIVE]}"]
    for go in (pipeline.search, pipeline.run):
        with pytest.raises(DataAuditFailed):
            go(load_spec(path, refusing), home=home)
    assert not list(home.glob("searches/*/trials/*"))


def test_a_clean_up_takes_finished_searches_and_what_their_stopped_trials_left(spec_path: Path, home: Path) -> None:
    words = "  scheduler: {name: asha, grace: 1, eta: 2}\n  trials: 6"
    found = pipeline.search(load_spec(with_tune(spec_path, words=words)), home=home).search
    assert "stopped" in {trial.state for trial in found.trials}
    assert list(home.glob("checkpoints/*"))
    for path in home.rglob("*"):
        os.utime(path, (0, 0))
    items = Ledger(home).gc(dry_run=True)
    assert {"search", "checkpoints"} <= {item.kind for item in items}
    assert list(home.glob("searches/*"))
    Ledger(home).gc()
    assert not list(home.glob("searches/*"))
    assert not list(home.glob("checkpoints/*"))
    again = pipeline.search(load_spec(spec_path), home=home)
    assert again.reused
    assert again.search == found

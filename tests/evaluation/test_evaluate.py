"""The whole evaluation: metrics of both folds, confusion, curves, diagnoses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from assay import evaluation
from assay.artifacts import Diagnosis, Epoch, Evaluation, from_json, to_json
from assay.errors import DataError
from assay.evaluation._scored import Scored
from assay.spec.evidence import EvaluationSpec
from assay.store import Store
from tests.evaluation.example import drawn, numbers, stored

CONFIG = EvaluationSpec(n_bootstrap=100)


def epochs(train: list[float], valid: list[float]) -> tuple[Epoch, ...]:
    losses = zip(train, valid, strict=True)
    return tuple(Epoch(epoch=i, train_loss=a, valid_loss=b, lr=0.1, seconds=0) for i, (a, b) in enumerate(losses, 1))


def evaluated(store: Store, test: Scored, valid: Scored | None = None, ran: tuple[Epoch, ...] = ()) -> Evaluation:
    on_test, on_valid = stored(store, test), stored(store, valid or test, "valid")
    return evaluation.evaluate(on_test, on_valid, ran, CONFIG, store=store)


def diagnosis(result: Evaluation, name: str) -> Diagnosis:
    return next(one for one in result.diagnoses if one.name == name)


def fit(store: Store, ran: tuple[Epoch, ...], scored: Scored | None = None) -> Diagnosis:
    return diagnosis(evaluated(store, scored or drawn(400, 2), ran=ran), "fit")


@pytest.mark.parametrize("scored", [drawn(300, 2), drawn(300, 4), numbers(300)], ids=["binary", "four", "numbers"])
def test_an_evaluation_is_a_small_json_document_without_nan(store: Store, scored: Scored) -> None:
    result = evaluated(store, scored, ran=epochs([3, 2, 1], [3, 2, 2]))
    text = to_json(result)
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in {text[:200]}"))
    assert from_json(Evaluation, text) == result
    assert len(text) < 100_000
    assert {metric.fold for metric in result.metrics} == {"test", "valid"}
    for metric in result.metrics:
        assert metric.interval.low <= metric.interval.value <= metric.interval.high, metric


def test_the_confusion_is_that_of_scikit_learn(store: Store) -> None:
    scored = drawn(300, 4)
    assert np.array_equal(evaluated(store, scored).confusion, sk.confusion_matrix(scored.y_N, scored.y_hat_N))
    assert evaluated(store, numbers(50)).confusion == ()


def test_curves_are_thin_and_enclose_the_area_of_the_full_ones(store: Store) -> None:
    scored = drawn(5000, 2)
    curves = {curve.name: curve for curve in evaluated(store, scored).curves}
    assert set(curves) == {"roc", "precision_recall", "reliability"}
    ((_, x, y),) = curves["roc"].series
    assert len(x) <= 200
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert sk.auc(x, y) == pytest.approx(sk.roc_auc_score(scored.y_N, scored.p_of(1)), abs=2e-3)
    ((_, recall, precision),) = curves["precision_recall"].series
    assert sk.auc(recall, precision) == pytest.approx(sk.average_precision_score(scored.y_N, scored.p_of(1)), abs=5e-3)


def test_the_learning_curve_shows_both_losses(store: Store) -> None:
    result = evaluated(store, numbers(50), ran=epochs([3, 2], [4, 3]))
    learning = next(curve for curve in result.curves if curve.name == "learning")
    assert learning.series == (("train", (1.0, 2.0), (3.0, 2.0)), ("valid", (1.0, 2.0), (4.0, 3.0)))


def test_a_fold_of_one_class_has_no_ranks_but_an_accuracy(store: Store) -> None:
    scored = drawn(300, 2)
    names = {
        m.name
        for m in evaluated(store, scored.take(np.flatnonzero(scored.y_N == 1)), scored).metrics
        if m.fold == "test"
    }
    assert "accuracy" in names
    assert not names & {"roc_auc", "pr_auc"}


def test_mape_is_left_out_where_a_target_is_zero(store: Store) -> None:
    scored = numbers(50)
    scored.y_N[0] = 0
    assert "mape" not in {metric.name for metric in evaluated(store, scored).metrics}


def test_an_empty_fold_is_refused(store: Store) -> None:
    with pytest.raises(DataError, match="no rows"):
        evaluated(store, drawn(10, 2).take(np.arange(0)))


def test_a_single_row_is_measured(store: Store) -> None:
    assert evaluated(store, drawn(1, 2)).n_rows == 1
    assert evaluated(store, numbers(1)).n_rows == 1


def test_a_model_that_still_improves_is_told_to_go_on(store: Store) -> None:
    found = fit(store, epochs([0.6, 0.5, 0.4], [0.6, 0.5, 0.4]))
    assert "still improving" in found.verdict
    assert "training.epochs" in found.advice
    assert dict(found.numbers)["best_epoch"] == 3


def test_a_wide_gap_at_the_best_epoch_is_overfitting(store: Store) -> None:
    found = fit(store, epochs([0.3, 0.2, 0.1], [0.5, 0.45, 0.46]))
    assert found.verdict.startswith("overfitting")
    assert "55.6%" in found.verdict
    assert "dropout" in found.advice


def test_a_valid_loss_that_rises_again_is_told_with_its_epoch(store: Store) -> None:
    found = fit(store, epochs([0.44, 0.4, 0.3, 0.2], [0.45, 0.42, 0.45, 0.5]))
    assert found.verdict.startswith("overfits after epoch 2")
    assert dict(found.numbers)["valid_loss_last"] == 0.5


def test_a_model_no_better_than_a_constant_is_underfitting(store: Store) -> None:
    y_N = np.random.default_rng(0).integers(0, 2, 400)
    flat = Scored(y_N, np.zeros(400, int), np.full((400, 2), 0.5, np.float32), 1)
    assert fit(store, epochs([0.7, 0.69, 0.69], [0.7, 0.69, 0.69]), flat).verdict.startswith("underfitting")


def test_a_loss_that_has_levelled_off_is_sound(store: Store) -> None:
    assert fit(store, epochs([0.5, 0.4, 0.39, 0.39], [0.5, 0.41, 0.405, 0.407])).verdict.startswith("sound")


def test_a_test_fold_from_elsewhere_is_noticed_and_chance_is_not(store: Store) -> None:
    valid, alike, strange = drawn(3000, 2, 1), drawn(3000, 2, 2), drawn(3000, 2, 3)
    strange = Scored(np.where(np.arange(3000) % 4 == 0, 1 - strange.y_N, strange.y_N), strange.y_hat_N, strange.p_NK, 1)
    assert "agrees" in diagnosis(evaluated(store, alike, valid), "generalisation").verdict
    found = diagnosis(evaluated(store, strange, valid), "generalisation")
    assert "test is worse" in found.verdict
    assert dict(found.numbers)["standard_errors"] > 3


def test_miscalibration_is_named_only_beyond_chance(store: Store) -> None:
    honest = drawn(2000, 2)
    p_NK = honest.p_NK.astype(float) ** 3
    boastful = Scored(honest.y_N, honest.y_hat_N, (p_NK / p_NK.sum(1, keepdims=True)).astype(np.float32), 1)
    assert diagnosis(evaluated(store, honest), "calibration").verdict.startswith("calibrated")
    assert diagnosis(evaluated(store, boastful), "calibration").verdict.startswith("miscalibrated")

from __future__ import annotations

import math

from assay.artifacts import Epoch, from_json, to_json
from assay.spec.training import EarlyStoppingSpec
from assay.training._progress import Progress


def walk(losses: list[float], stopping: EarlyStoppingSpec | None, n_epochs: int = 99) -> Progress:
    progress = Progress()
    for number, loss in enumerate(losses, start=1):
        metrics = (("accuracy", 1 - loss),)
        epoch = Epoch(epoch=number, train_loss=0.0, valid_loss=loss, lr=0.1, seconds=1.0, metrics=metrics)
        progress = progress.after(epoch, n_epochs, stopping)
        if progress.stopped:
            break
    return progress


def test_training_stops_after_as_many_stale_epochs_as_patience_says() -> None:
    progress = walk([0.5, 0.4, 0.41, 0.42, 0.3], EarlyStoppingSpec(patience=2))
    assert (len(progress.epochs), progress.best_epoch) == (4, 2)
    assert progress.stopped == "loss of the valid fold did not improve for 2 epochs"


def test_a_gain_below_min_delta_does_not_reset_patience_but_is_kept_as_the_best() -> None:
    progress = walk([0.5, 0.49, 0.48, 0.1], EarlyStoppingSpec(patience=2, min_delta=0.05))
    assert (len(progress.epochs), progress.best_epoch) == (3, 3)


def test_small_gains_add_up() -> None:
    assert not walk([0.50, 0.47, 0.44, 0.41, 0.38], EarlyStoppingSpec(patience=2, min_delta=0.05)).stopped


def test_metrics_that_should_rise_are_followed_upwards() -> None:
    progress = walk([0.5, 0.2, 0.3, 0.4], EarlyStoppingSpec(metric="accuracy", patience=2))
    assert (progress.best_epoch, progress.best) == (2, 0.8)


def test_without_early_stopping_the_best_epoch_is_kept_and_all_epochs_run() -> None:
    progress = walk([0.5, 0.2, 0.3, 0.4], None, n_epochs=4)
    assert (progress.best_epoch, progress.stopped) == (2, "all 4 epochs done")


def test_a_metric_that_is_no_number_is_no_improvement() -> None:
    progress = walk([math.nan, 0.3, math.nan], EarlyStoppingSpec(patience=3))
    assert (progress.best_epoch, progress.n_stale) == (2, 1)
    assert walk([math.nan, math.nan], None).best_epoch == 1


def test_progress_survives_json() -> None:
    progress = walk([0.5, 1 / 3], EarlyStoppingSpec())
    assert from_json(Progress, to_json(progress)) == progress

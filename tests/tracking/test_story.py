"""Events in MLflow's words: a pure function of the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.artifacts import Epoch
from assay.ledger import read_events
from assay.tracking._note import note
from assay.tracking._story import Batch, Story
from assay.tracking._words import flat, key_of, redacted
from tests.registry.example import make_model
from tests.tracking.example import SPEC, Run, registered


def told(run: Run, story: Story | None = None) -> Story:
    story = story or Story()
    for event in read_events(run.folder / "events.jsonl"):
        story.tell(event)
    return story


def values(batch: Batch) -> dict[tuple[str, int], float]:
    found = {(point.key, point.step): point.value for point in batch.points}
    assert len(found) == len(batch.points), "a point was said twice"
    return found


def test_a_spec_becomes_flat_parameters_and_empty_values_are_left_out() -> None:
    params = flat(redacted(SPEC))
    assert params["training.lr"] == "0.001"
    assert params["training.betas"] == "[0.9, 0.999]"
    assert params["gates.0.min"] == "0.86"
    assert params["gates.1.gate"] == "beats_champion"
    assert "personal" not in params
    assert "tracking.uri" not in params


def test_a_long_value_is_cut() -> None:
    assert len(flat({"a": "x" * 9000})["a"]) == 500


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:geheim@db:5432/x",
        "postgresql://db/x?user=ann&password=geheim",
        "see https://ann:geheim@host/path and mysql://:geheim@host",
    ],
)
def test_passwords_in_addresses_are_struck_out_wherever_they_stand(text: str) -> None:
    said = str(redacted({"deep": [{"text": text}]}))
    assert "geheim" not in said
    assert "***" in said


def test_values_under_secret_names_are_struck_out_and_column_names_are_not() -> None:
    assert redacted({"api_key": "x", "Password": "y"}) == {"api_key": "***", "Password": "***"}
    assert redacted({"exclude": ["password_hint"], "max_tokens": 3}) == {"exclude": ["password_hint"], "max_tokens": 3}


def test_a_key_holds_only_what_mlflow_allows() -> None:
    assert key_of("preprocessing.columns.höhe (m)*.log") == "preprocessing.columns.höhe _m__.log"


def test_epochs_become_metrics_by_step(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start()
    run.epoch(0)
    run.epoch(1)
    points = values(told(run).batch)
    assert points["train/loss", 1] == 0.5
    assert points["valid/accuracy", 0] == 0.8
    assert points["train/lr", 1] == 0.001


def test_an_epoch_that_is_done_again_after_a_kill_is_no_second_point(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start()
    for number in (0, 1, 2, 1, 2, 3):
        run.epoch(number, loss=float(len(list(read_events(run.folder / "events.jsonl")))))
    points = values(told(run).batch)
    assert [points["train/loss", step] for step in range(4)] == [1.0, 2.0, 3.0, 6.0]


def test_a_reused_training_still_shows_its_curve(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start()
    run.epoch(0)
    epochs = tuple(Epoch(epoch=n, train_loss=n, valid_loss=n, lr=0.1, seconds=1.0) for n in range(3))
    run.commit("train", replace(make_model(run.store, 1), epochs=epochs), reused=True)
    points = values(told(run).batch)
    assert [points["train/loss", step] for step in range(3)] == [1.0, 1.0, 2.0]
    assert ("seconds/train", 0) not in points


def test_the_evaluation_has_its_intervals_and_the_audit_its_widest_gaps(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.whole()
    points = values(told(run).batch)
    assert points["test/accuracy", 0] == 0.87
    assert points["test/accuracy.low", 0] == 0.86
    assert points["test/accuracy.high", 0] == 0.88
    assert points["gap/sex/selection_rate", 0] == 0.2
    assert points["seconds/train", 0] == 0.5


def test_system_samples_are_numbered_in_the_order_of_the_log(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start()
    for percent in (5.0, 7.0):
        run.emit("system", cpu_percent=percent)
    assert values(told(run).batch) == {("system/cpu_percent", 0): 5.0, ("system/cpu_percent", 1): 7.0}


def test_the_data_the_folds_and_the_model_are_never_uploaded(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.whole()
    files = told(run).batch.files
    assert set(files) == {
        "review.html",
        "report/roc.svg",
        "validate/data-docs.html",
        "evidence/cells.parquet",
        "evidence/manifest.json",
    }


def test_folds_become_datasets_with_the_digest_of_their_rows(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.whole()
    story = told(run)
    assert story.folds is not None
    datasets = {dataset.context: dataset for dataset in story.batch.datasets}
    assert set(datasets) == {"train", "valid", "test"}
    assert datasets["train"].digest == story.folds.train.rows.sha256[:32]
    assert '"n_rows": 5' in datasets["train"].profile
    assert '"adult.parquet"' in datasets["train"].source


def test_no_secret_of_the_spec_is_said_anywhere(tmp_path: Path) -> None:
    run = Run(tmp_path, source="postgresql://ann:geheim@db/x")
    run.whole()
    run.emit("notice", text="cannot reach postgresql://ann:geheim@db/x")
    story = told(run)
    batch = story.batch
    everything: list[Any] = [batch.params, batch.tags, batch.texts, batch.datasets, note(story, "1", "2")]
    assert "geheim" not in str(everything)
    assert "***" in batch.params["data.uri"]


def test_the_note_says_what_was_decided_and_leads_on(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.whole()
    run.commit("register", registered())
    text = note(told(run), "7", "abc")
    assert "(#/experiments/7/runs/abc/artifacts/review.html)" in text
    assert "[adult version 1](#/models/adult/versions/1), which holds the alias `champion`" in text
    assert "**Promoted.** Every gate passed." in text
    assert "* test accuracy **0.87** (0.86 to 0.88, 95%, wilson)" in text
    assert "5 train, 2 valid, 3 test rows" in text


def test_a_run_that_failed_says_why(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start()
    run.end("failed", "", "the file is empty")
    story = told(run)
    assert story.batch.status == "FAILED"
    assert story.batch.tags["assay.reason"] == "the file is empty"
    assert "**No decision.** the file is empty" in note(story, "1", "2")


def test_events_of_an_unknown_kind_are_passed_over(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start()
    before = told(run).batch
    run.emit("something_new", value=1)
    after = told(run).batch
    assert (after.params, after.points) == (before.params, before.points)

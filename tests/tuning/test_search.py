from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay import pipeline
from assay.artifacts import Trial, from_json
from assay.errors import SpecError, TrainingError
from assay.ledger import Ledger
from assay.pipeline import SearchResult
from assay.spec import loading
from assay.spec.loading import load_spec
from tests.tuning.example import with_tune


def search(path: Path, home: Path, **words: Any) -> SearchResult:
    return pipeline.search(load_spec(with_tune(path, **words)), home=home)


def weights(home: Path) -> dict[str, str]:
    """The weights of every training that was committed, by its learning rate."""
    commits = [commit for _, commit in Ledger(home).commits("train")]
    return {
        str(json.loads(commit.parts["training"])["lr"]): json.loads(commit.artifact)["weights"]["sha256"]
        for commit in commits
    }


def test_a_trial_alone_is_the_trial_in_the_search_bit_for_bit_wherever_it_ran(spec_path: Path, tmp_path: Path) -> None:
    here = search(spec_path, tmp_path / "here")
    spec = load_spec(spec_path, ["tune.workers=2", "compute.threads=2"])
    there = pipeline.search(spec, home=tmp_path / "there")
    assert [trial.score for trial in here.search.trials] == [trial.score for trial in there.search.trials]
    assert weights(tmp_path / "here") == weights(tmp_path / "there")
    alone = tmp_path / "alone.yaml"
    alone.write_bytes(Path(here.spec_path).read_bytes())
    spec_alone = load_spec(alone, ["compute.threads=2"])
    assert spec_alone.tune is None
    result = pipeline.run(spec_alone, home=tmp_path / "alone")
    assert weights(tmp_path / "here")[str(spec_alone.training.lr)] == result.model.weights.sha256


def test_run_trains_the_winner_from_the_cache_and_the_sensitive_column_is_no_feature(
    spec_path: Path, home: Path
) -> None:
    result = pipeline.run(load_spec(with_tune(spec_path)), home=home)
    assert result.search is not None
    best = result.search.best
    assert best.score == max(trial.score or 0.0 for trial in result.search.trials)
    assert {stage.name for stage in result.stages if stage.reused} == {"preprocess", "encode", "train"}
    assert dict(result.model.epochs[result.model.best_epoch - 1].metrics)["roc_auc"] == best.score
    assert "sex" not in {column.name for column in result.model.preprocessing.inputs}
    again = pipeline.run(load_spec(spec_path, ["gates.0.at_least=0.5"]), home=home)
    assert {stage.name for stage in again.stages if not stage.reused} >= {"decide"}
    assert "tune" not in {stage.name for stage in again.stages if not stage.reused}


def test_a_search_over_preprocessing_fits_it_in_every_trial(spec_path: Path, home: Path) -> None:
    space = "    preprocessing.numeric.scale: {choice: [standard, quantile, none]}\n"
    found = search(spec_path, home, space=space, words="  algorithm: grid").search
    assert [trial.settings["preprocessing.numeric.scale"] for trial in found.trials] == ["standard", "quantile", "none"]
    assert len({trial.score for trial in found.trials}) == 3
    assert len(list(Ledger(home).commits("encode"))) == 3


def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(spec_path: Path, home: Path) -> None:
    space = "    training.lr: {choice: [0.01, 1.0e+30]}\n"
    found = search(spec_path, home, space=space, words="  algorithm: grid").search
    assert [trial.state for trial in found.trials] == ["done", "failed"]
    assert "not finite" in found.trials[1].reason or "loss" in found.trials[1].reason
    assert found.winner == 0


def test_a_search_in_which_all_fail_says_why(spec_path: Path, home: Path) -> None:
    with pytest.raises(TrainingError, match="None of 4 trials"):
        search(spec_path, home, space="    training.lr: {uniform: [1.0e+29, 1.0e+30]}\n")


def test_budgets_of_epochs_and_seconds_end_a_search(spec_path: Path, home: Path) -> None:
    found = search(spec_path, home, words="  trials: 100\n  max_epochs: 7").search
    assert (len(found.trials), found.n_epochs) == (3, 9)
    assert "7 epochs" in found.ended
    spec = load_spec(spec_path, ["tune.max_epochs=null", "tune.max_seconds=0.5"])
    found = pipeline.search(spec, home=home).search
    assert len(found.trials) < 100
    assert found.seconds < 30


def test_a_population_copies_weights_and_hands_its_model_on(spec_path: Path, home: Path) -> None:
    path = with_tune(spec_path, words="  scheduler: {name: pbt, every: 1}\n  trials: 4", epochs=4)
    result = pipeline.run(load_spec(path), home=home)
    assert result.search is not None
    best = result.search.best
    assert best.model is not None
    assert best.model.sha256 == result.model.sha256
    assert "train" not in {stage.name for stage in result.stages}
    assert all(trial.epoch == 4 for trial in result.search.trials)
    assert any(trial.parent is not None for trial in result.search.trials)


def test_a_population_of_what_cannot_change_is_a_mistake(spec_path: Path, home: Path) -> None:
    space = "    model.width: {int: [8, 16]}\n"
    with pytest.raises(SpecError, match="cannot change while a training goes on"):
        search(spec_path, home, words="  scheduler: pbt", space=space)


def test_a_spec_without_tune_cannot_be_searched(spec_path: Path, home: Path) -> None:
    with pytest.raises(SpecError, match="no `tune`"):
        pipeline.search(load_spec(spec_path), home=home)


@pytest.fixture
def begin(spec_path: Path, home: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begins `assay COMMAND` of a longer search and waits until `n` trials are done."""

    def begin(command: str, n: int, *overrides: str) -> subprocess.Popen[str]:
        with_tune(spec_path, epochs=40, words="  trials: 8", space="    training.lr: {log_uniform: [1.0e-3, 1.0e-2]}\n")
        words = [
            str(Path(sys.executable).with_name("assay")),
            command,
            str(spec_path),
            "--orchestrator",
            "none",
            "--json",
        ]
        env = os.environ | {"ASSAY_HOME": str(home)}
        options = [word for each in ("training.early_stopping=null", *overrides) for word in ("--set", each)]
        process = subprocess.Popen(
            [*words, *options], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 90
        while sum(trial.state == "done" for trial in ledger(home)) < n:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    return begin


def ledger(home: Path) -> list[Trial]:
    return [from_json(Trial, path.read_text()) for path in sorted(home.glob("searches/*/trials/[0-9]*.json"))]


def test_a_killed_search_goes_on_and_no_finished_trial_is_run_again(
    begin: Callable[..., subprocess.Popen[str]], home: Path
) -> None:
    process = begin("search", 2)
    process.kill()
    process.communicate()
    before = {trial.number: trial for trial in ledger(home) if trial.state == "done"}
    process = begin("search", 3)
    answer = json.loads(process.communicate(timeout=120)[0])
    assert process.returncode == 0
    after = {trial["number"]: trial for trial in answer["search"]["trials"]}
    assert len(after) == 8
    for number, trial in before.items():
        assert (after[number]["began"], after[number]["seconds"]) == (trial.began, trial.seconds)
    assert all(trial["state"] == "done" and len(trial["scores"]) == 40 for trial in after.values())


def test_one_interrupt_keeps_the_best_and_the_next_call_goes_on(
    begin: Callable[..., subprocess.Popen[str]], home: Path
) -> None:
    process = begin("run", 2)
    process.send_signal(signal.SIGINT)
    answer = json.loads(process.communicate(timeout=60)[0])
    assert (process.returncode, answer["outcome"]) == (0, "promoted")
    assert answer["search"]["partial"]
    assert 2 <= len(answer["search"]["trials"]) < 8
    process = begin("run", 3)
    answer = json.loads(process.communicate(timeout=120)[0])
    assert (len(answer["search"]["trials"]), answer["search"]["partial"]) == (8, False)


def test_a_second_interrupt_ends_with_130(begin: Callable[..., subprocess.Popen[str]]) -> None:
    process = begin("run", 1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.4)  # two that come close together may arrive as one
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_the_winner_is_written_as_a_spec_that_has_no_mistakes(spec_path: Path, home: Path, assay_json: Any) -> None:
    target = spec_path.with_name("winner.yaml")
    answer = assay_json("search", str(with_tune(spec_path)), "--orchestrator", "none", "--write", str(target))
    assert answer["exit_code"] == 0
    assert loading.check(target) == []
    assert assay_json("run", str(target), "--orchestrator", "none")["exit_code"] == 0

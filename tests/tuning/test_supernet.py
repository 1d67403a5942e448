"""Weights that trials share: what is trained, what is judged, and that the winner needs none of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from sklearn.metrics import roc_auc_score
from torch import nn

from assay import models, pipeline
from assay.artifacts import TrainingArrays, from_json
from assay.errors import SpecError
from assay.ledger import Ledger
from assay.models import Inputs
from assay.models._choice import Choice
from assay.pipeline import SearchResult
from assay.spec.loading import load_spec
from assay.tuning._trials import Trials
from tests.tuning.example import with_tune

WORDS = "  algorithm: {name: nas, population: 4}\n  scheduler: {name: supernet, epochs: 2, finalists: 2}\n  trials: 8\n"
MODEL = "model={family: blocks, blocks: [wide, wide], width: 16, numeric_embedding: none}"
SPACE = "".join(f"    model.blocks.{i}: {{choice: [skip, linear, wide, gated]}}\n" for i in range(2))


def search(path: Path, home: Path, *overrides: str, words: str = WORDS, space: str = SPACE) -> SearchResult:
    return pipeline.search(load_spec(with_tune(path, words=words, space=space), [MODEL, *overrides]), home=home)


def test_a_choice_takes_one_way_in_training_and_the_first_in_evaluation() -> None:
    choice = Choice(("twice", "minus"), lambda name: Times(2.0 if name == "twice" else -1.0))
    torch.manual_seed(0)
    ones = torch.ones(1)
    taken = [float(choice(ones)) for _ in range(200)]
    assert set(taken) == {2.0, -1.0}
    assert 60 < taken.count(2.0) < 140
    assert float(choice.eval()(ones)) == 2.0


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def test_trials_are_judged_with_shared_weights_and_the_best_are_trained(spec_path: Path, home: Path) -> None:
    found = search(spec_path, home).search
    assert len(found.trials) == 8
    trained = [trial for trial in found.trials if trial.scores]
    judged = {trial.values: trial.screened or 0.0 for trial in found.trials}
    assert [trial.state for trial in found.trials].count("done") == len(trained) == 2
    assert {judged[trial.values] for trial in trained} == set(sorted(judged.values())[-2:])
    assert found.best.score == max(trial.score or 0.0 for trial in trained)
    assert found.n_epochs == 2 + 2 * 3  # the supernet's and those of the two that were trained

    # One of them again, by hand: a network of its own with weights of the supernet.
    supernet = Trials(next(home.glob("searches/*"))).supernet
    assert supernet is not None
    ledger, prepared = Ledger(home), supernet.model.preprocessing
    arrays = next(from_json(TrainingArrays, commit.artifact) for _, commit in ledger.commits("encode"))
    trial, store = found.trials[3], ledger.store
    options = json.loads(supernet.model.options) | {"blocks": [trial.settings[f"model.blocks.{i}"] for i in range(2)]}
    network = models.build("blocks", options, Inputs.of(prepared, store=store), 2)
    weights = load(store.read(supernet.model.weights))
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    inputs = [torch.from_numpy(np.array(store.array(blob))) for blob in arrays.valid.inputs]
    with torch.no_grad():
        scores = network.eval()(*inputs).softmax(1)[:, prepared.target.positive].numpy()
    is_positive = store.array(arrays.valid.target) == prepared.target.positive
    assert trial.screened == pytest.approx(roc_auc_score(is_positive, scores), abs=1e-6)


@pytest.mark.slow
def test_what_a_supernet_found_trains_alone_to_the_same_weights(spec_path: Path, tmp_path: Path) -> None:
    found = search(spec_path, tmp_path / "search")
    alone = load_spec(found.spec_path, ["compute.threads=2"])
    assert alone.tune is None
    assert alone.model.options["blocks"] == [found.search.best.settings[f"model.blocks.{i}"] for i in range(2)]
    spec_path.with_name("alone.yaml").write_bytes(Path(found.spec_path).read_bytes())
    result = pipeline.run(load_spec(spec_path.with_name("alone.yaml")), home=tmp_path / "alone")
    epoch = result.model.epochs[result.model.best_epoch - 1]
    assert dict(epoch.metrics)["roc_auc"] == found.search.best.score


def test_a_search_goes_on_with_the_supernet_that_it_has(spec_path: Path, home: Path) -> None:
    first = search(spec_path, home, "tune.trials=4").search
    folder = next(home.glob("searches/*"))
    before = (folder / "supernet.json").stat().st_mtime_ns
    for path in sorted((folder / "trials").glob("*"))[2:]:
        path.unlink()
    again = pipeline.search(load_spec(spec_path, [MODEL, "tune.trials=4"]), home=home, fresh=True).search
    assert (folder / "supernet.json").stat().st_mtime_ns == before
    assert [trial.screened for trial in again.trials] == [trial.screened for trial in first.trials]


def test_a_bound_on_the_size_keeps_large_ones_from_being_trained(spec_path: Path, home: Path) -> None:
    found = search(spec_path, home, "tune.subject_to=[{metric: n_parameters, at_most: 2500}]").search
    assert max(trial.n_parameters for trial in found.trials) > 2500
    assert all(trial.n_parameters <= 2500 for trial in found.trials if trial.scores)


@pytest.mark.parametrize(
    ("space", "words", "expected"),
    [
        ("    training.lr: {choice: [0.1, 0.01]}\n", WORDS, "no shared weights"),
        ("    model.width: {choice: [8, 16]}\n", WORDS, "no shared weights"),
        (SPACE, WORDS.replace("{name: nas, population: 4}", "bayesian"), "beside `supernet`"),
        (SPACE, WORDS + "  cross_validation: {folds: 3}\n", "several trainings"),
    ],
)
def test_what_cannot_share_weights_is_a_mistake(
    spec_path: Path, home: Path, space: str, words: str, expected: str
) -> None:
    with pytest.raises(SpecError, match=expected):
        search(spec_path, home, words=words, space=space)

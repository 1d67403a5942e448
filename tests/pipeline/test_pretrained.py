"""Weights in the chain: a run starts from a file or a registered model, and knows when they change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load, save_file

import assay
from assay import pipeline
from assay.errors import SpecError
from assay.ledger import Ledger
from tests.training.signals import _MAKE

SPEC = """\
version: 1
name: bars
task: classification
data: {path: bars.parquet}
target: y
preprocessing: {image: {column: x}}
model: {family: cnn, size: tiny}
training: {epochs: 2, batch_size: 32, lr: 0.01}
gates: [{gate: min_metric, metric: accuracy, at_least: 0.01}]
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    import numpy as np

    draw = np.random.default_rng(0)
    target = np.arange(200) % 2
    images = [_MAKE["image"](int(y), draw) for y in target]
    pq.write_table(
        pa.table({"x": pa.array(images), "y": pa.array(["no", "yes"]).take(target)}), tmp_path / "bars.parquet"
    )
    (tmp_path / "bars.yaml").write_text(SPEC)
    return tmp_path / "bars.yaml"


def run(path: Path, home: Path, *overrides: str) -> Any:
    return assay.run(assay.load_spec(path, overrides), home=home)


def test_a_run_starts_from_a_registered_model_and_from_a_file_that_may_change(bars: Path, home: Path) -> None:
    first = run(bars, home)
    assert first.outcome == "promoted"
    store = Ledger(home).store

    frozen = ("training.pretrained={weights: models:/bars/1, train: head}", "seed=1")
    again = run(bars, home, *frozen)
    old, new = (load(store.read(result.model.weights)) for result in (first, again))
    assert {name.split(".")[0] for name in old if not (old[name] == new[name]).all()} == {"output"}
    assert "features" in [stage.name for stage in again.stages]
    assert run(bars, home, *frozen).reused

    weights = bars.with_name("w.safetensors")
    save_file(old, weights)
    of_file = ("training.pretrained={weights: w.safetensors, train: head}", "seed=1")
    assert load(store.read(run(bars, home, *of_file).model.weights)).keys() == new.keys()
    plan = pipeline.plan(assay.load_spec(bars, of_file), home=home)
    assert not any(stage.will_run for stage in plan.stages if stage.name in ("features", "train"))
    save_file(new, weights)
    plan = pipeline.plan(assay.load_spec(bars, of_file), home=home)
    assert {stage.name for stage in plan.stages if stage.will_run} >= {"features", "train"}


@pytest.mark.parametrize(
    ("pretrained", "told"),
    [
        ("{weights: package}", "no package has weights of 'cnn'. Allowed: of bert, efficientnet"),
        ("{weights: w.safetensors}", "there is no file 'w.safetensors'"),
        (
            "{weights: w.pkl}",
            "training.pretrained.weights: 'w.pkl'. Allowed: `package`, `models:/NAME@ALIAS`, or a file",
        ),
        ("{weights: package, train: head, lr_decay: 0.5}", "1: it is of `train: all`, and it is `head`"),
    ],
)
def test_weights_that_cannot_be_had_are_told_before_anything_runs(bars: Path, pretrained: str, told: str) -> None:
    checked = pipeline.check(bars, (f"training.pretrained={pretrained}",))
    assert told in "\n".join(map(str, checked.mistakes))


def test_a_digest_in_the_spec_holds_the_weights_to_what_they_were(bars: Path, home: Path) -> None:
    import torch

    save_file({"a": torch.ones(1)}, bars.with_name("w.safetensors"))
    wanted = f"training.pretrained={{weights: w.safetensors, sha256: '{'0' * 64}'}}"
    with pytest.raises(SpecError, match=f"the weights are [0-9a-f]{{64}}. Allowed: {'0' * 64}"):
        run(bars, home, wanted)

"""Training in this process."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from assay import models
from assay.artifacts import Model
from assay.errors import SpecError, TrainingError
from assay.training._batches import order, seed_of
from tests.training.example import Encoded, Heard


def curve(model: Model) -> list[tuple[float, float]]:
    return [(epoch.train_loss, epoch.valid_loss) for epoch in model.epochs]


def weights(encoded: Encoded, model: Model) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load(encoded.store.read(model.weights))
    return found


def tensors(encoded: Encoded, fold: str) -> list[torch.Tensor]:
    found = getattr(encoded.arrays, fold)
    return [torch.from_numpy(np.array(encoded.store.array(b))) for b in (found.numeric, found.codes, found.target)]


def plain_loop(
    encoded: Encoded, family: str, *, n_epochs: int, batch_size: int, make: Any, average: bool = False
) -> tuple[list[float], torch.nn.Module]:
    """The loop that one would write by hand, with torch's own parts."""
    torch.manual_seed(seed_of(0))
    inputs = models.Inputs.of(encoded.prepared, store=encoded.store)
    module = models.build(family, models.check(family, {}), inputs, encoded.prepared.target.n_outputs)
    ema = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9)) if average else None  # type: ignore[no-untyped-call]
    optimizer = make(list(module.parameters()))
    numeric, codes, target = tensors(encoded, "train")
    losses = []
    for epoch in range(1, n_epochs + 1):
        total = 0.0
        for index in torch.split(order(len(target), 0, epoch), batch_size):
            optimizer.zero_grad()
            loss = F.cross_entropy(module(numeric[index], codes[index]), target[index])
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.item() * len(index)
            if ema is not None:
                ema.update_parameters(module)
        losses.append(total / len(target))
    return losses, module if ema is None else ema.module


def test_the_loop_is_the_one_that_one_would_write_by_hand(adult_income: Encoded, tmp_path: Path) -> None:
    model = adult_income.fit(tmp_path, batch_size=100)
    losses, module = plain_loop(
        adult_income, "linear", n_epochs=3, batch_size=100, make=lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0)
    )
    assert [loss for loss, _ in curve(model)] == pytest.approx(losses, rel=1e-5)
    assert model.best_epoch == 3
    for name, value in weights(adult_income, model).items():
        torch.testing.assert_close(value, module.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_the_moving_average_is_that_of_torch_and_is_what_is_kept(adult_income: Encoded, tmp_path: Path) -> None:
    model = adult_income.fit(tmp_path, batch_size=100, ema=0.9)
    _, module = plain_loop(
        adult_income,
        "linear",
        n_epochs=3,
        batch_size=100,
        make=lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0),
        average=True,
    )
    for name, value in weights(adult_income, model).items():
        torch.testing.assert_close(value, module.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(adult_income: Encoded, tmp_path: Path) -> None:
    first = adult_income.fit(tmp_path / "a", family="mlp")
    torch.randn(5)  # whatever else draws random numbers
    second = adult_income.fit(tmp_path / "b", family="mlp")
    other = adult_income.fit(tmp_path / "c", family="mlp", seed=1)
    assert (first.weights, curve(first)) == (second.weights, curve(second))
    assert first.weights != other.weights


def test_training_leaves_torch_as_it_was(adult_income: Encoded, tmp_path: Path) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    adult_income.fit(tmp_path, epochs=1, compute={"threads": 2})
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_gradients_of_accumulated_batches_are_those_of_one_large_batch(adult_income: Encoded, tmp_path: Path) -> None:
    large = adult_income.fit(tmp_path / "a", batch_size=400, class_weights="balanced")
    small = adult_income.fit(tmp_path / "b", batch_size=100, accumulate=4, class_weights="balanced")
    assert np.array(curve(small)) == pytest.approx(np.array(curve(large)), rel=1e-4)


def test_clipping_bounds_the_step(adult_income: Encoded, tmp_path: Path) -> None:
    spec: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.0, "lr": 1.0, "epochs": 1, "batch_size": 4000}
    start = weights(adult_income, adult_income.fit(tmp_path / "a", **{**spec, "lr": 1e-30}))
    end = weights(adult_income, adult_income.fit(tmp_path / "b", **spec, clip_norm=0.01))
    moved = torch.cat([(end[name] - start[name]).flatten() for name in start])
    assert float(moved.norm()) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_as_full_precision_does(adult_income: Encoded, tmp_path: Path, precision: str) -> None:
    full = adult_income.fit(tmp_path / "a")
    half = adult_income.fit(tmp_path / "b", precision=precision, clip_norm=100.0)
    assert half.epochs[-1].valid_loss == pytest.approx(full.epochs[-1].valid_loss, abs=0.01)
    assert {value.dtype for value in weights(adult_income, half).values()} == {torch.float32}


def test_the_best_epoch_is_kept_not_the_last(adult_income: Encoded, tmp_path: Path) -> None:
    heard = Heard()
    stopping = {"metric": "accuracy", "patience": 2}
    model = adult_income.fit(tmp_path, family="mlp", epochs=40, lr=0.02, early_stopping=stopping, events=heard)
    accuracies = [dict(epoch.metrics)["accuracy"] for epoch in model.epochs]
    assert model.best_epoch == 1 + int(np.argmax(accuracies)) == len(accuracies) - 2
    assert model.stopped == "accuracy of the valid fold did not improve for 2 epochs"
    assert heard.epochs() == list(range(1, len(accuracies) + 1))

    numeric, codes, target = tensors(adult_income, "valid")
    inputs = models.Inputs.of(adult_income.prepared, store=adult_income.store)
    module = models.build("mlp", models.check("mlp", {}), inputs, 2)
    module.load_state_dict(weights(adult_income, model))
    found = float((module.eval()(numeric, codes).argmax(dim=1) == target).float().mean())
    assert found == pytest.approx(max(accuracies))


def test_an_ensemble_is_trained(adult_income: Encoded, tmp_path: Path) -> None:
    model = adult_income.fit(tmp_path, family="tabm", epochs=3, lr=0.002)
    first, *_, last = curve(model)
    assert last[1] < first[1] < math.log(2)


def test_metrics_of_a_regression_are_in_the_units_of_its_target(adult_age: Encoded, tmp_path: Path) -> None:
    model = adult_age.fit(tmp_path, epochs=5, lr=0.05)
    last = model.epochs[-1]
    metrics, std = dict(last.metrics), adult_age.prepared.target.std
    assert metrics["rmse"] == pytest.approx(math.sqrt(last.valid_loss) * std, rel=1e-4)
    assert 5 < metrics["mae"] < metrics["rmse"] < 14
    assert metrics["r2"] > 0.1


def test_a_loss_that_is_no_number_ends_training_with_advice(adult_income: Encoded, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"became (nan|inf). Try `training.lr: 1e\+37`"):
        adult_income.fit(tmp_path, family="mlp", optimizer="sgd", lr=1e38)


def test_mistakes_are_reported_at_once_before_anything_runs(adult_income: Encoded, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        adult_income.fit(tmp_path / "folder", loss="mse", early_stopping={"metric": "acuracy"})
    assert len(caught.value.mistakes) == 2
    assert "Did you mean 'accuracy'?" in str(caught.value)
    assert not (tmp_path / "folder").exists()


def test_a_gpu_that_is_not_there_is_a_mistake(adult_income: Encoded, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SpecError, match="torch sees no GPU"):
        adult_income.fit(tmp_path, compute={"device": "cuda"})


def test_a_network_that_raises_is_a_training_error_in_one_line(adult_income: Encoded, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "class Broken(torch.nn.Module):\n"
        "    def __init__(self, n_numeric, levels, n_outputs):\n"
        "        super().__init__()\n"
        "        self.linear = torch.nn.Linear(n_numeric, n_outputs)\n"
        "    def forward(self, numeric, codes):\n"
        "        if len(numeric) > 100:\n"
        "            raise RuntimeError('too many rows\\nfor me')\n"
        "        return self.linear(numeric)\n"
    )
    with pytest.raises(TrainingError, match="training failed: RuntimeError: too many rows for me") as caught:
        adult_income.fit(tmp_path, family="python:mine:Broken", root=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_single_row_left_over_does_not_stop_batch_normalisation(adult_income: Encoded, tmp_path: Path) -> None:
    n_rows = adult_income.arrays.train.n_rows
    model = adult_income.fit(tmp_path, family="resnet", epochs=1, batch_size=n_rows - 1, lr=0.001)
    assert len(model.epochs) == 1


CONSTANT = """
import sys
from pathlib import Path
from assay import training
from assay.artifacts import Preprocessing, Silent, TrainingArrays, from_json
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store
root, arrays, prepared = sys.argv[1:]
model = training.train(
    from_json(TrainingArrays, arrays), from_json(Preprocessing, prepared), ModelSpec(family="constant"),
    TrainingSpec(), ComputeSpec(), 0, store=Store(Path(root)), events=Silent(), folder=Path(root) / "fit",
)
print(model.epochs[0].valid_loss, model.n_parameters)
assert not {"torch", "ray", "sklearn", "scipy"} & set(sys.modules)
"""


def test_a_family_without_torch_is_fitted_without_torch_or_ray(adult_income: Encoded) -> None:
    from assay.artifacts import to_json

    command = [sys.executable, "-c", CONSTANT, str(adult_income.store.root)]
    command += [to_json(adult_income.arrays), to_json(adult_income.prepared)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    valid_loss, n_parameters = result.stdout.split()
    share = float(tensors(adult_income, "train")[2].float().mean())
    y = tensors(adult_income, "valid")[2].double()
    expected = F.binary_cross_entropy(torch.full_like(y, share), y)
    assert float(valid_loss) == pytest.approx(float(expected), rel=1e-6)
    assert int(n_parameters) == 2

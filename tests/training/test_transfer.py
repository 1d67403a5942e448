"""Trainings that start from weights: what stays, what learns, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save_file

from assay import inference, training
from assay.artifacts import Model
from assay.errors import SpecError
from assay.spec.training import ComputeSpec, ModelSpec
from assay.spec.transfer import LoraSpec, PretrainedSpec
from assay.store import Store
from assay.training import _lora, _transfer
from assay.training._optim import optimizer
from assay.training._weights import read
from tests.training.example import Encoded, Heard
from tests.training.signals import encoded

TINY = {"size": "tiny"}


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    return encoded(Store(tmp_path_factory.mktemp("store")), "image")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    return encoded(Store(tmp_path_factory.mktemp("store")), "text")


def begun(rows: Encoded, folder: Path, family: str) -> tuple[Model, Path]:
    """A model, and a file with its weights."""
    model = rows.fit(folder / "first", family=family, options=TINY, epochs=2, batch_size=32)
    path = folder / "weights.safetensors"
    save_file(load(rows.store.read(model.weights)), path)
    return model, path


def tuned(rows: Encoded, folder: Path, path: Path, family: str, *, embed: bool = False, **options: Any) -> Model:
    pretrained = PretrainedSpec(weights=path.name, **options)
    weights = training.stored(path, family, path.name, store=rows.store)
    compute, model = ComputeSpec(device="cpu", threads=1), ModelSpec(family=family, **TINY)
    arrays = rows.arrays
    if embed:
        arrays = training.features(arrays, rows.prepared, model, pretrained, compute, store=rows.store, weights=weights)
    spec = rows.spec(epochs=3, batch_size=32, pretrained=pretrained)
    return training.train(
        arrays, rows.prepared, model, spec, compute, 1,
        store=rows.store, events=Heard(), folder=folder, weights=weights,
    )  # fmt: skip


def changed(rows: Encoded, before: Model, after: Model) -> set[str]:
    """The layers of which a tensor differs."""
    old, new = (load(rows.store.read(model.weights)) for model in (before, after))
    assert old.keys() == new.keys()
    return {_transfer._layer(name) for name in old if not torch.equal(old[name], new[name])}


@pytest.mark.parametrize("embed", [False, True])
@pytest.mark.parametrize(("kind", "family"), [("bars", "cnn"), ("bars", "efficientnet"), ("words", "bert")])
def test_a_frozen_backbone_stays_and_the_head_learns(
    kind: str, family: str, embed: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rows: Encoded = request.getfixturevalue(kind)
    first, path = begun(rows, tmp_path, family)
    model = tuned(rows, tmp_path / "second", path, family, embed=embed, train="head")
    assert changed(rows, first, model) == {"output"}
    assert model.n_parameters < first.n_parameters


def test_features_that_were_computed_once_train_the_same_head(bars: Encoded, tmp_path: Path) -> None:
    _, path = begun(bars, tmp_path, "cnn")
    often, once = (tuned(bars, tmp_path / str(e), path, "cnn", embed=e, train="head") for e in (False, True))
    for one, other in zip(often.epochs, once.epochs, strict=True):
        assert one.valid_loss == pytest.approx(other.valid_loss, rel=1e-5)


def test_an_embedded_training_predicts_from_images_like_any_other(bars: Encoded, tmp_path: Path) -> None:
    _, path = begun(bars, tmp_path, "cnn")
    model = tuned(bars, tmp_path / "second", path, "cnn", embed=True, train="head")
    found = bars.store.table(inference.predict(model, bars.valid, None, store=bars.store).table)
    p = found["p_1"].to_numpy()
    y = found["y"].to_numpy()
    log_loss = -np.log(np.where(y == 1, p, 1 - p)).mean()
    assert log_loss == pytest.approx(model.epochs[model.best_epoch - 1].valid_loss, rel=1e-4)


def test_lora_changes_linear_layers_by_a_low_rank_and_nothing_else(words: Encoded, tmp_path: Path) -> None:
    first, path = begun(words, tmp_path, "bert")
    model = tuned(words, tmp_path / "second", path, "bert", train="lora", lora=LoraSpec(rank=2))
    assert changed(words, first, model) == {"blocks.0", "blocks.1", "output"}
    old, new = (load(words.store.read(each.weights)) for each in (first, model))
    for name in ("query", "widen"):
        change = new[f"blocks.0.{name}.weight"] - old[f"blocks.0.{name}.weight"]
        assert torch.linalg.matrix_rank(change, rtol=1e-3) == 2
        assert torch.equal(new[f"blocks.0.{name}.bias"], old[f"blocks.0.{name}.bias"])


def test_a_merged_lora_layer_computes_what_it_computed_apart() -> None:
    torch.manual_seed(0)
    network, spec = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)), LoraSpec(rank=2)
    x = torch.randn(7, 5)
    before = network(x)
    assert _lora.adapt(network, spec, but="output") == 2
    assert torch.equal(network(x), before)
    for name, parameter in network.named_parameters():
        if name.endswith("up_OR"):
            torch.nn.init.normal_(parameter)
    plain = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    plain.load_state_dict(_lora.merged(network.state_dict(), spec))
    torch.testing.assert_close(plain(x), network(x))
    assert not torch.allclose(network(x), before)


def test_layers_learn_from_the_head_downwards_each_slower_than_the_one_above(words: Encoded, tmp_path: Path) -> None:
    _, path = begun(words, tmp_path, "bert")
    spec = PretrainedSpec(weights=path.name, unfreeze_epochs=2, lr_decay=0.5)
    transfer = _transfer.Transfer(spec, {}, embedded=False)
    network = rebuilt(words, "bert")
    assert _transfer.layers(network) == ["tokens", "places", "norm", "blocks.0", "blocks.1", "output"]
    awake = []
    for epoch in range(1, 6):
        transfer.thaw(network, epoch)
        awake.append({_transfer._layer(name) for name, p in network.named_parameters() if p.requires_grad})
    assert awake[0] == awake[1] == {"output"}
    assert awake[2] == awake[3] == {"output", "blocks.1"}
    assert awake[4] == {"output", "blocks.1", "blocks.0"}
    network.requires_grad_(True)
    groups = optimizer(network, words.spec(pretrained=spec), transfer.lr_fracs(network)).param_groups
    assert {group["lr_frac"] for group in groups} == {0.5**depth for depth in range(6)}


def test_gradual_unfreezing_leaves_what_has_not_thawed(words: Encoded, tmp_path: Path) -> None:
    first, path = begun(words, tmp_path, "bert")
    model = tuned(words, tmp_path / "second", path, "bert", unfreeze_epochs=2)
    assert changed(words, first, model) <= {"output", "blocks.1"}


def rebuilt(rows: Encoded, family: str) -> torch.nn.Module:
    from assay import models
    from assay.models import Inputs

    return models.build(family, TINY, Inputs.of(rows.prepared, store=rows.store), 2)


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("harmed"),)


def test_a_pickle_is_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(pickle.dumps(Harmful()))
    torch.save({"weight": torch.ones(2), "more": Harmful()}, tmp_path / "b.pt")
    torch.save({"weight": torch.ones(2), "more": Harmful()}, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    for name, told in (("a.pt", "it is a pickle"), ("b.pt", "more than tensors"), ("c.pt", "more than tensors")):
        with pytest.raises(SpecError, match=told):
            read(tmp_path / name)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("old", [False, True])
def test_a_state_dict_of_torch_is_read_as_it_was_written(old: bool, tmp_path: Path) -> None:
    tensors = {"a.weight": torch.randn(3, 2), "a.bias": torch.randn(3)}
    torch.save({"state_dict": tensors}, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    found = read(tmp_path / "w.pth")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_a_file_that_is_cut_short_ends_in_one_error(name: str, tmp_path: Path) -> None:
    tensors = {"a": torch.randn(300)}
    save_file(tensors, tmp_path / name) if name.endswith("s") else torch.save(tensors, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for n_bytes in (0, 5, len(whole) // 2):
        (tmp_path / name).write_bytes(whole[:n_bytes])
        with pytest.raises(SpecError, match=r"training\.pretrained\.weights: w\."):
            read(tmp_path / name)


def test_weights_of_another_network_are_told_by_name_and_shape(bars: Encoded, words: Encoded, tmp_path: Path) -> None:
    _, path = begun(words, tmp_path, "bert")
    with pytest.raises(
        SpecError, match=r"of \d+ tensors do not fit.*not in the file.*Allowed: weights of the same family"
    ):
        tuned(bars, tmp_path / "second", path, "cnn")

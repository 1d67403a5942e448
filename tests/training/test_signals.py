"""Every family for images, texts and series through the real loop: it learns, resumes, and does not hang on workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

from assay import inference
from assay.artifacts import SignalKind
from assay.errors import SpecError
from assay.spec.training import ComputeSpec
from assay.store import Store
from assay.training import _ray
from tests.training.signals import FAMILIES, encoded

CASES = [(kind, family) for kind, families in FAMILIES.items() for family in families]


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_a_family_learns_and_its_predictions_are_those_of_training(
    tmp_path: Path, kind: SignalKind, family: str
) -> None:
    fold = encoded(Store(tmp_path / "store"), kind)
    options = {"size": "tiny", "dropout": 0.0}
    model = fold.fit(tmp_path / "fit", family=family, options=options, epochs=25, batch_size=32, lr=0.01)
    best = model.epochs[model.best_epoch - 1]
    assert dict(best.metrics)["accuracy"] >= 0.85
    predicted = inference.predict(model, fold.valid, None, store=fold.store)
    table = fold.store.table(predicted.table)
    assert float(np.mean(table["y"].to_numpy() == table["y_hat"].to_numpy())) == dict(best.metrics)["accuracy"]


def test_augmented_training_repeats_and_learns(tmp_path: Path) -> None:
    fold = encoded(Store(tmp_path / "store"), "image")
    augment = {"shift": 0.2, "flip": "both", "brightness": 0.2, "mixup": 0.2, "cutmix": 0.2, "erase": 0.2}
    models = [
        fold.fit(tmp_path / name, family="cnn", options={"size": "tiny"}, epochs=15, batch_size=32, augment=augment)
        for name in ("a", "b")
    ]
    assert models[0].weights.sha256 == models[1].weights.sha256
    assert max(dict(epoch.metrics)["accuracy"] for epoch in models[0].epochs) >= 0.9
    plain = fold.fit(tmp_path / "c", family="cnn", options={"size": "tiny"}, epochs=15, batch_size=32)
    assert plain.weights.sha256 != models[0].weights.sha256


def test_what_is_not_for_images_is_refused_before_training(tmp_path: Path) -> None:
    images = encoded(Store(tmp_path / "store"), "image", 40)
    with pytest.raises(
        SpecError,
        match=r"'mlp' is for tables, and `preprocessing\.image` is there.*cells, cnn, constant, efficientnet, resnet",
    ):
        images.fit(tmp_path / "a", family="mlp")
    with pytest.raises(SpecError, match=r"model\.width: it is not of a resnet for images"):
        images.fit(tmp_path / "b", family="resnet", options={"width": 64})
    texts = encoded(Store(tmp_path / "store"), "text", 40)
    with pytest.raises(SpecError, match="only images are augmented"):
        texts.fit(tmp_path / "c", family="rnn", augment={"flip": "horizontal"})


def test_a_network_of_ones_own_takes_the_image_as_its_third_argument(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, n_numeric, levels, n_outputs, signal):\n"
        "        super().__init__()\n"
        "        channels, height, width = signal.shape\n"
        "        self.linear = torch.nn.Linear(channels * height * width, n_outputs)\n"
        "    def forward(self, numeric, codes, image):\n"
        "        return self.linear(image.flatten(1).float() / 255)\n"
    )
    fold = encoded(Store(tmp_path / "store"), "image", 40)
    model = fold.fit(tmp_path / "fit", family="python:mine:Net", root=tmp_path, epochs=1)
    assert inference.predict(model, fold.valid, None, store=fold.store, root=tmp_path).n_rows == 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with _ray.cluster(ComputeSpec(workers=2)):
        yield
    assert not ray.is_initialized()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("kind", "family"), CASES)
def test_2_workers_have_the_loss_curve_of_one_process(tmp_path: Path, kind: SignalKind, family: str) -> None:
    fold = encoded(Store(tmp_path / "store"), kind)
    options = {"size": "tiny", "dropout": 0.0}
    curves = [
        [
            (epoch.train_loss, epoch.valid_loss)
            for epoch in fold.fit(
                tmp_path / str(workers), family=family, options=options, batch_size=33, compute={"workers": workers}
            ).epochs
        ]
        for workers in (0, 2)
    ]
    assert np.array(curves[1]) == pytest.approx(np.array(curves[0]), rel=1e-3)

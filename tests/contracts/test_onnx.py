"""Every torch family as an ONNX graph: ONNX Runtime's scores are torch's, in batches of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import assay
from assay import models
from assay.errors import AssayError
from tests.contracts.test_models import CASES, EMBEDDINGS, LEVELS, batch, build, inputs

NAMES = ("numeric", "codes", "signal")
QUICK = {("linear", "table"), ("tabm", "table"), ("tcn", "series")}
MARKED = [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES]


def moved(family: str, told: Any, **options: Any) -> nn.Module:
    """A network whose weights are not those of the start: some of these are zero, and hide what is in front of them."""
    network = build(family, told, **options)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network


def assert_the_same(network: nn.Module, path: Path, told: Any) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n_rows in (1, 2, 64):
        numeric, codes, *signal = batch(n_rows, told, seed=n_rows)
        arrays = (numeric, codes.int(), *signal)
        found = session.run(["scores"], dict(zip(NAMES, (array.numpy() for array in arrays), strict=False)))[0]
        with torch.inference_mode():
            expected = models.scores(network.eval()(*arrays)).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("family", "kind"), MARKED)
def test_the_graph_scores_batches_of_any_size_as_torch_does(family: str, kind: str, tmp_path: Path) -> None:
    told, path = inputs(kind), tmp_path / "m.onnx"
    network = moved(family, told)
    assert models.export(network, told, path, {}) <= 1e-4
    assert_the_same(network, path, told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "kind", "options"),
    [
        *(("mlp", "table", {"numeric_embedding": name}) for name in EMBEDDINGS),
        ("tabm", "table", {"variant": "tabm"}),
        *(("rnn", "text", {"cell": cell, "pooling": "max", "size": "base"}) for cell in ("rnn", "lstm")),
        ("transformer", "series", {"pooling": "mean"}),
        ("cnn", "image", {"normalization": "batch"}),
    ],
)
def test_the_layers_that_are_no_default_export_too(
    family: str, kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    told, path = inputs(kind), tmp_path / "m.onnx"
    network = moved(family, told, **options)
    models.export(network, told, path, {})
    assert_the_same(network, path, told)


@pytest.mark.parametrize(("n_numeric", "levels"), [(0, LEVELS), (3, ()), (2, (200, 5))], ids=["no F", "no C", "many"])
def test_tables_of_any_columns_will_do(n_numeric: int, levels: tuple[int, ...], tmp_path: Path) -> None:
    told, path = inputs("table", n_numeric, levels), tmp_path / "m.onnx"
    network = moved("linear", told)
    models.export(network, told, path, {})
    assert_the_same(network, path, told)


def test_the_file_holds_its_metadata_and_no_path_of_this_machine(tmp_path: Path) -> None:
    told, path = inputs(), tmp_path / "m.onnx"
    models.export(build("linear", told), told, path, {"assay.classes": '["a", "b", "c"]'})
    graph = onnx.load(path)
    onnx.checker.check_model(graph, full_check=True)
    assert {each.key: each.value for each in graph.metadata_props} == {"assay.classes": '["a", "b", "c"]'}
    assert str(Path(assay.__file__).parent).encode() not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


class Branching(nn.Module):
    """Takes one of two ways by what the rows hold, which no graph can."""

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        return numeric if numeric.sum() > 0 else codes.float()[:, :1] + numeric


class Drifting(nn.Module):
    """Adds what is drawn once when it is exported, and anew whenever torch runs it."""

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        return numeric + torch.rand_like(numeric)


@pytest.mark.parametrize(
    ("network", "says"), [(Branching(), "cannot export Branching"), (Drifting(), "otherwise than torch")]
)
def test_a_network_that_cannot_be_exported_is_told_and_leaves_no_file(
    network: nn.Module, says: str, tmp_path: Path
) -> None:
    with pytest.raises(AssayError, match=says):
        models.export(network, inputs(), tmp_path / "m.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = inputs()
    with pytest.raises(AssayError, match="a folder that is there"):
        models.export(build("linear", told), told, tmp_path / "no" / "m.onnx", {})

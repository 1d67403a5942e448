"""Scores from a network, a bounded number of rows at a time.

B rows, F numeric features, C categorical features, O outputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load

from assay import models
from assay.artifacts import Model
from assay.models import Inputs
from assay.store import Store


def network(model: Model, store: Store, root: Path | None) -> torch.nn.Module:
    """The network of `model` in evaluation mode, on the device that it was trained on where there is one."""
    prepared = model.preprocessing
    with torch.random.fork_rng(devices=[]):  # building draws first weights, which are thrown away
        built = models.build(
            model.family, json.loads(model.options), Inputs.of(prepared, store=store), prepared.target.n_outputs, root
        )
    built.load_state_dict(load(store.read(model.weights)))
    return built.to(device_of(model)).eval()


def device_of(model: Model) -> torch.device:
    """Where its network computes."""
    return torch.device("cuda" if model.device == "cuda" and torch.cuda.is_available() else "cpu")


def scorer(model: Model, store: Store, root: Path | None) -> Callable[..., NDArray[np.float32]]:
    """The scores of its network, a bounded number of rows at a time."""
    built, n_rows = network(model, store, root), models.rows_of_a_pass(model.preprocessing.signal)
    device = device_of(model)

    def score(*arrays: NDArray[Any]) -> NDArray[np.float32]:
        inputs = [torch.from_numpy(array) for array in arrays]
        scores_BO = np.empty((len(arrays[0]), model.preprocessing.target.n_outputs), np.float32)
        with torch.inference_mode():
            for start in range(0, len(scores_BO), n_rows):
                part = slice(start, start + n_rows)
                out = built(*(tensor[part].to(device) for tensor in inputs))
                scores_BO[part] = models.scores(out).cpu().numpy()
        return scores_BO

    return score

"""The baseline that every model must beat: the shares of the classes, or the mean, for every row alike. No torch.

B rows, O outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.artifacts import Task
from assay.spec.words import Words

TORCH_FREE = True
TAKES = ("table", "image", "text", "series")
Array = np.ndarray[Any, Any]


class Config(Words):
    """`constant` has no options."""


def fit(config: Config, numeric: Array, codes: Array, target: Array, task: Task, n_outputs: int) -> dict[str, Array]:
    """The log of each class's share of the rows, or the mean of the target: O weights.

    A class without a row counts as half a row, so that its logarithm is finite.
    """
    if task == "regression":
        return {"scores_O": np.array([target.mean()], dtype=np.float32)}
    counts = np.bincount(target, minlength=n_outputs).clip(min=0.5)
    return {"scores_O": np.log(counts / counts.sum()).astype(np.float32)}


def score(config: Config, weights: dict[str, Array], numeric: Array, codes: Array) -> Array:
    """Logits float32 [B, O]: the same for every row."""
    return np.tile(weights["scores_O"], (len(numeric), 1))

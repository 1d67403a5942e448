"""Rows weigh what they would if group and class were independent (Kamiran & Calders 2012).

The weight of a row is P(group) P(class) / P(group, class), counted over the train rows; its mean is 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.spec.words import Words

if TYPE_CHECKING:
    from torch import Tensor

    from assay.mitigation._batch import Batch


class Config(Words):
    """No options."""


def prepare(config: Config, n_GO: Tensor) -> dict[str, Tensor]:
    """The weight of a row, by group and class."""
    expected_GO = n_GO.sum(dim=1, keepdim=True) * n_GO.sum(dim=0, keepdim=True) / n_GO.sum()
    return {"weight_GO": expected_GO / n_GO.clamp(min=1)}


def objective(config: Config, batch: Batch, state: dict[str, Tensor]) -> Tensor:
    """The mean of weighted losses."""
    return batch.mean(batch.loss_B * state["weight_GO"][batch.group_B, batch.target_B])

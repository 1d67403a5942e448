"""A penalty on gaps between groups' mean predicted probabilities: demographic parity, in the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from assay.mitigation import _penalty
from assay.spec.words import Words

if TYPE_CHECKING:
    from torch import Tensor

    from assay.mitigation._batch import Batch


class Config(Words):
    """`weight` of the squared gap beside the mean loss."""

    weight: float = Field(default=20.0, gt=0)


def prepare(config: Config, n_GO: Tensor) -> dict[str, Tensor]:
    """Nothing is kept."""
    return {}


def objective(config: Config, batch: Batch, state: dict[str, Tensor]) -> Tensor:
    """The mean loss, and the spread of selection rates."""
    return batch.mean(batch.loss_B) + config.weight * _penalty.spread(*batch.by_group(batch.p_BC))

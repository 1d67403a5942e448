"""The same penalty within each true class: equalised odds (Hardt et al. 2016), in the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from assay.mitigation import _penalty
from assay.spec.words import Words

if TYPE_CHECKING:
    from torch import Tensor

    from assay.mitigation._batch import Batch


class Config(Words):
    """`weight` of the squared gaps beside the mean loss."""

    weight: float = Field(default=1.0, gt=0)


def prepare(config: Config, n_GO: Tensor) -> dict[str, Tensor]:
    """Nothing is kept."""
    return {}


def objective(config: Config, batch: Batch, state: dict[str, Tensor]) -> Tensor:
    """The mean loss, and the spread of rates among the rows of each true class."""
    rate_GOC, n_GO = batch.by_group_and_class(batch.p_BC)
    spreads = [_penalty.spread(rate_GOC[:, o], n_GO[:, o]) for o in range(batch.n_classes)]
    return batch.mean(batch.loss_B) + config.weight * sum(spreads[1:], spreads[0])

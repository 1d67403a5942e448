"""The loss of the groups that fare worst: distributionally robust optimisation over groups (Sagawa et al. 2020).

As there, a group is a group and a true class. A weight per group rises with its loss, by `step_size` an update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from assay.spec.words import Words

if TYPE_CHECKING:
    from torch import Tensor

    from assay.mitigation._batch import Batch


class Config(Words):
    """`step_size` of the weights."""

    step_size: float = Field(default=0.01, gt=0, le=1)


def prepare(config: Config, n_GO: Tensor) -> dict[str, Tensor]:
    """The weights, of which groups without train rows have none."""
    present_GO = (n_GO > 0).float()
    return {"weight_GO": present_GO / present_GO.sum()}


def objective(config: Config, batch: Batch, state: dict[str, Tensor]) -> Tensor:
    """The weighted mean of the groups' mean losses. The weights move first."""
    loss_GO1, _ = batch.by_group_and_class(batch.loss_B[:, None])
    loss_GO, weight_GO = loss_GO1[..., 0], state["weight_GO"]
    weight_GO *= (config.step_size * loss_GO.detach()).exp()
    weight_GO /= weight_GO.sum()
    return (weight_GO.clone() * loss_GO).sum()

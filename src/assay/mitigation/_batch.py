"""A step as a method of mitigation sees it: this rank's rows, and sums over those of all ranks.

B rows of this rank, G groups, O classes, C classes whose rates are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of a step that are this rank's. `weight` is that of the rows of all `world_size` ranks.

    `total` sums a tensor over ranks, and its gradient is that of the sum. Ranks average their gradients afterwards, so
    an objective that is the same on all of them needs no more care.
    """

    loss_B: Tensor
    p_BC: Tensor
    group_B: Tensor
    target_B: Tensor
    n_groups: int
    n_classes: int
    weight: Tensor | int
    world_size: int
    total: Callable[[Tensor], Tensor]

    def mean(self, loss_B: Tensor) -> Tensor:
        """What this rank adds to the mean over the rows of all ranks, such that ranks' gradients average to its own."""
        return loss_B.sum() * (self.world_size / self.weight)

    def by_group(self, values_BC: Tensor) -> tuple[Tensor, Tensor]:
        """The means of values per group, [G, C], and the rows of each, [G]; 0 where there are none."""
        return self._means(values_BC, self.group_B, self.n_groups)

    def by_group_and_class(self, values_BC: Tensor) -> tuple[Tensor, Tensor]:
        """The same per group and true class: [G, O, C] and [G, O]."""
        cell_B = self.group_B * self.n_classes + self.target_B
        mean_NC, n_N = self._means(values_BC, cell_B, self.n_groups * self.n_classes)
        shape = (self.n_groups, self.n_classes)
        return mean_NC.view(*shape, -1), n_N.view(*shape)

    def _means(self, values_BC: Tensor, cell_B: Tensor, n_cells: int) -> tuple[Tensor, Tensor]:
        ones_B1 = torch.ones_like(values_BC[:, :1])
        sums = torch.cat([values_BC, ones_B1], dim=1)  # in one exchange
        sums = self.total(sums.new_zeros(n_cells, sums.shape[1]).index_add(0, cell_B, sums))
        return sums[:, :-1] / sums[:, -1:].clamp(min=1), sums[:, -1].detach()

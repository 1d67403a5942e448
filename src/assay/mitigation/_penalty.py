"""How far groups lie apart, as something to be minimised. G groups, C classes whose rates are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def spread(rate_GC: Tensor, n_G: Tensor) -> Tensor:
    """The mean square of the gaps between the rates of two groups, over all pairs of rows of different groups.

    With two groups it is their squared gap. A pair of groups counts as often as rows make such a pair, since the rate
    of the few rows that a small group has in a batch is mostly chance.
    """
    share_G1 = (n_G / n_G.sum().clamp(min=1))[:, None]
    variance = (share_G1 * (rate_GC - (share_G1 * rate_GC).sum(dim=0)) ** 2).sum()
    return variance * 2 / (1 - (share_G1**2).sum()).clamp(min=1e-6)

"""From the outputs of ensemble members to losses and to one answer.

B rows, K members, O outputs, N = B * K.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def scores(out: Tensor) -> Tensor:
    """Logits_BO: the log of the members' mean probability, or the members' mean where there is one output."""
    out = out.float()
    if out.ndim == 2:
        return out
    if out.shape[-1] == 1:
        return out.mean(dim=1)
    return torch.logsumexp(out.log_softmax(dim=-1), dim=1) - math.log(out.shape[1])


def members(out: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Out_NO and target_N: every member's output beside its row's target."""
    if out.ndim == 2:
        return out, target
    return out.flatten(0, 1), target.repeat_interleave(out.shape[1], dim=0)

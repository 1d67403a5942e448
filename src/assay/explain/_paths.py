"""What each input adds to a score: integrated gradients (Sundararajan et al. 2017), by captum.

B rows, L levels of all categorical features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from captum.attr import IntegratedGradients, ShapleyValueSampling
from torch import Tensor

N_STEPS = 32
MORE_STEPS = 8  # times as many for rows whose parts do not add up
ALLOWED, ALLOWED_SHARE = 0.01, 0.02  # of what they may miss: of the score, and of its distance from the base
N_ORDERS = 25

Score = Callable[..., Tensor]  # (*inputs, class_B) -> score_B


def integrated(
    score: Score, inputs: Sequence[Tensor], base: Sequence[Tensor], of_B: Tensor, n_evaluations: int
) -> list[Tensor]:
    """What each input adds, in the shapes of `inputs`. Rows whose parts do not add up are asked for again, closer."""
    found = _along(score, inputs, base, of_B, N_STEPS, n_evaluations)
    wanted_B = (_plain(score, inputs, of_B) - _plain(score, base, of_B)).abs()
    again = (missed(score, inputs, base, of_B, found) > ALLOWED + ALLOWED_SHARE * wanted_B).nonzero()[:, 0]
    if len(again):
        some = [[part[again] for part in parts] for parts in (inputs, base)]
        closer = _along(score, some[0], some[1], of_B[again], N_STEPS * MORE_STEPS, n_evaluations)
        for whole, part in zip(found, closer, strict=True):
            whole[again] = part
    return found


def sampled(
    score: Score, inputs: Sequence[Tensor], base: Sequence[Tensor], of_B: Tensor, groups: Sequence[Tensor]
) -> list[Tensor]:
    """Shapley values of groups of inputs, over random orders (Strumbelj & Kononenko 2010), each exactly complete.

    For networks that know codes alone. `groups` numbers the group of each input; all inputs of one hold its value.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        method = ShapleyValueSampling(score)
        found = method.attribute(
            tuple(inputs), tuple(base), additional_forward_args=(of_B,), feature_mask=tuple(groups), n_samples=N_ORDERS
        )
    return list(found)


def missed(
    score: Score, inputs: Sequence[Tensor], base: Sequence[Tensor], of_B: Tensor, found: Sequence[Tensor]
) -> Tensor:
    """How much of score - base the parts miss, per row."""
    total_B = sum((part.flatten(1).sum(dim=1) for part in found), torch.zeros(len(of_B), device=of_B.device))
    return (total_B - (_plain(score, inputs, of_B) - _plain(score, base, of_B))).abs()


def _plain(score: Score, inputs: Sequence[Tensor], of_B: Tensor) -> Tensor:
    with torch.no_grad():
        return score(*inputs, of_B)


def _along(
    score: Score, inputs: Sequence[Tensor], base: Sequence[Tensor], of_B: Tensor, n_steps: int, n_evaluations: int
) -> list[Tensor]:
    method, found = IntegratedGradients(score), []
    n_rows = max(1, n_evaluations // n_steps)
    for start in range(0, len(of_B), n_rows):
        part = slice(start, start + n_rows)
        given = tuple(each[part] for each in inputs), tuple(each[part] for each in base)
        one = method.attribute(*given, additional_forward_args=(of_B[part],), n_steps=n_steps)
        found.append([each.detach().nan_to_num(0.0) for each in one])  # there is nothing after the end of a series
    if not found:
        return [torch.zeros_like(each) for each in inputs]
    return [torch.cat(parts) for parts in zip(*found, strict=True)]

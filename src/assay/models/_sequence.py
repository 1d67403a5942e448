"""What networks for texts and series share: one way in, and one way from many steps to one row.

Steps after the end of a row are masked everywhere, so a row's scores do not hang on the longer rows beside it; and a
batch is cut where its longest row ends, so short ones cost little.

B rows, L steps, C channels, W width.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from assay.models import Inputs

Pooling = Literal["attention", "mean", "max"]


class Steps(nn.Module):
    """A text's tokens, embedded, or a series' channels, brought to W numbers a step; and which steps there are.

    A step of a series sees its two neighbours: its direction says more than its level (Zhou et al. 2021, appendix B).
    """

    def __init__(self, inputs: Inputs, width: int) -> None:
        super().__init__()
        assert inputs.signal is not None, "families say by TAKES what they need"
        self.of_text = inputs.signal.kind == "text"
        self.enter: nn.Module
        if self.of_text:
            self.enter = nn.Embedding(inputs.signal.n_tokens, width)
            nn.init.normal_(self.enter.weight, std=width**-0.5)
        else:
            self.enter = nn.Conv1d(inputs.signal.shape[-1], width, 3, padding=1)

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens_BL (int32, 0 after the end) or steps_BLC (NaN after the end) -> x_BLW, 0 there, and there_BL.

        A text may also come as `embedded` gives it, for whoever asks for gradients in its tokens.
        """
        of_tokens = self.of_text and not signal.is_floating_point()
        signal, there_BL = there(signal)
        if of_tokens:
            x_BLW = self.enter(signal.int())
        elif self.of_text:
            x_BLW = signal.nan_to_num(0.0)
        else:
            x_BLW = self.enter(signal.nan_to_num(0.0).transpose(1, 2)).transpose(1, 2)
        return x_BLW * there_BL[..., None], there_BL

    def embedded(self, tokens_BL: Tensor) -> Tensor:
        """Tokens as float32 [B, L, W], NaN after their end."""
        x_BLW: Tensor = self.enter(tokens_BL.int())
        return x_BLW.masked_fill((tokens_BL == 0)[..., None], torch.nan)


def there(signal: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens_BL or steps_BLC cut where the longest row ends, and which steps each row has, there_BL."""
    there_BL = signal != 0 if signal.ndim == 2 else ~signal[..., 0].isnan()
    if torch.compiler.is_exporting():  # a graph has one shape, whatever a batch holds
        return signal, there_BL
    longest = max(int(there_BL.any(dim=0).sum()) if there_BL.numel() else 0, 1)
    return signal[:, :longest], there_BL[:, :longest]


class Pool(nn.Module):
    """Many steps to one row: their mean, their maximum, or a mean whose weights are learned (Yang et al. 2016)."""

    def __init__(self, how: Pooling, width: int) -> None:
        super().__init__()
        self.how = how
        if how == "attention":
            self.score = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))

    def forward(self, x_BLW: Tensor, there_BL: Tensor) -> Tensor:
        """(x_BLW, there_BL) -> x_BW."""
        there_BL1 = there_BL[..., None]
        if self.how == "max":
            lowest = torch.finfo(x_BLW.dtype).min
            return x_BLW.masked_fill(~there_BL1, lowest).amax(dim=1)
        if self.how == "mean":
            return (x_BLW * there_BL1).sum(dim=1) / there_BL1.sum(dim=1).clamp(min=1)
        score_BL1 = self.score(x_BLW).float().masked_fill(~there_BL1, -1e9)
        pooled_BW: Tensor = (score_BL1.softmax(dim=1) * x_BLW).sum(dim=1)
        return pooled_BW


def positions(n_steps: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of the steps' numbers, [L, W], for networks that see no order (Vaswani et al. 2017)."""
    at_L1 = torch.arange(n_steps, device=device)[:, None]
    rate_V = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    return torch.stack([(at_L1 * rate_V).sin(), (at_L1 * rate_V).cos()], dim=-1).flatten(1)[:, :width]

"""A transformer encoder for texts and series (Vaswani et al. 2017), normalised before each layer (Xiong et al. 2020).

B rows, L steps, C channels, F numeric features, W width, O outputs.

| size | W | heads | blocks |
|---|---|---|---|
| tiny | 32 | 2 | 1 |
| small | 64 | 4 | 2 |
| base | 128 | 8 | 4 |

Tokens [B, L] or channels [B, L, C] become [B, L, W], with the number of the step added; the pool is [B, W].
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from assay.models import Inputs
from assay.models._beside import Output, SignalNetwork
from assay.models._layers import Dropout
from assay.models._numeric import NumericConfig
from assay.models._sequence import Pool, Pooling, Steps, positions

TAKES = ("text", "series")
SIZES = {"tiny": (32, 2, 1), "small": (64, 4, 2), "base": (128, 8, 4)}


class Config(NumericConfig):
    """Options of `transformer`. Attention costs the square of a row's length."""

    size: Literal["tiny", "small", "base"] = "small"
    pooling: Pooling = "attention"
    dropout: float = Field(
        default=0.1, ge=0, lt=1, description="after attention and feed-forward, and before the output"
    )


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.before_attention, self.before_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = Dropout(dropout)

    def forward(self, x_BLW: Tensor, seen_B11L: Tensor) -> Tensor:
        """x_BLW -> x_BLW; steps that are not there are seen by none."""
        n_rows, n_steps, width = x_BLW.shape
        parts = self.project(self.before_attention(x_BLW)).view(n_rows, n_steps, 3, self.n_heads, width // self.n_heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen_B11L)
        x_BLW = x_BLW + self.dropout(self.mix(mixed.transpose(1, 2).reshape(n_rows, n_steps, width)))
        out_BLW: Tensor = x_BLW + self.dropout(self.feed_forward(self.before_feed_forward(x_BLW)))
        return out_BLW


class Transformer(SignalNetwork):
    """Steps and their numbers, blocks, a pool over the steps, and a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        width, n_heads, depth = SIZES[config.size]
        self.steps = Steps(inputs, width)
        self.blocks = nn.ModuleList(Block(width, n_heads, config.dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.pool = Pool(config.pooling, width)
        self.output = Output(config, inputs, width, n_outputs, config.dropout)

    def features(self, signal: Tensor) -> Tensor:
        """Tokens_BL or steps_BLC -> x_BW."""
        x_BLW, there_BL = self.steps(signal)
        x_BLW = x_BLW + positions(x_BLW.shape[1], x_BLW.shape[2], x_BLW.device) * x_BLW.shape[2] ** -0.5
        # Numbers rather than booleans: a row without any step would otherwise be 0 / 0.
        seen_B11L = torch.where(there_BL, 0.0, -1e9)[:, None, None].to(x_BLW.dtype)
        for block in self.blocks:
            x_BLW = block(x_BLW, seen_B11L)
        x_BW: Tensor = self.pool(self.norm(x_BLW), there_BL)
        return x_BW


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: n_tokens * W (or 3 * C * W) weights, and 12 * W ** 2 a block."""
    return Transformer(config, inputs, n_outputs)

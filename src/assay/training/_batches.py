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


def seed_of(*parts: int) -> int:
    """A 63-bit seed that differs with every one of `parts`."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def order(n_rows: int, seed: int, epoch: int) -> Tensor:
    """The rows in the order of one epoch, int64 [N]: the same for any number of workers."""
    generator = torch.Generator().manual_seed(seed_of(seed, epoch))
    return torch.randperm(n_rows, generator=generator)


def share(n_rows: int, rank: int, world_size: int) -> slice:
    """The part of `n_rows` rows that is `rank`'s. Shares are disjoint, cover all rows and differ by one at most."""
    return slice(n_rows * rank // world_size, n_rows * (rank + 1) // world_size)


@dataclass(frozen=True, slots=True)
class Rows:
    """The encoded rows of a fold as tensors. On the CPU they are memory maps, shared by all workers of a machine."""

    inputs: tuple[Tensor, ...]  # what a network takes: numeric_NF, codes_NC, and the signal where there is one
    target_N: Tensor

    @classmethod
    def open(cls, encoded: Encoded, store: Store, device: torch.device) -> Self:
        """The rows of `encoded`, moved to `device` where they fit there."""
        tensors = [_mapped(blob, store) for blob in (*encoded.inputs, encoded.target)]
        if device.type == "cuda":
            free_bytes, _ = torch.cuda.mem_get_info(device)
            if sum(tensor.nbytes for tensor in tensors) < GPU_FRAC * free_bytes:
                tensors = [tensor.to(device) for tensor in tensors]
        return cls(tuple(tensors[:-1]), tensors[-1])

    def __len__(self) -> int:
        return len(self.target_N)

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

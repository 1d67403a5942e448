"""Where a rank stands, and how ranks agree.

Every method is a no-op or the identity where there is one rank, so that the loop reads the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from assay.training._batches import seed_of, share


@dataclass(frozen=True, slots=True)
class Place:
    """One rank of `world_size`, and the device that it computes on."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def alone(self) -> bool:
        """True when there is no other rank."""
        return self.world_size == 1

    @property
    def first(self) -> bool:
        """True on the rank that writes."""
        return self.rank == 0

    def share(self, n_rows: int) -> slice:
        """Which of `n_rows` rows are this rank's."""
        return share(n_rows, self.rank, self.world_size)

    def seed(self, *parts: int) -> None:
        """Start torch's random numbers anew from `parts` and the rank, so that there is no state to save."""
        number = seed_of(*parts, self.rank)
        torch.default_generator.manual_seed(number)  # 1 us; `torch.manual_seed` visits every backend, 60 us
        if self.device.type == "cuda":
            torch.cuda.manual_seed(number)

    def sum(self, tensor: Tensor) -> Tensor:
        """`tensor` summed over ranks, in place."""
        if not self.alone:
            dist.all_reduce(tensor)
        return tensor

    def total(self, part: Tensor) -> Tensor:
        """`part` summed over ranks, with the gradient of that sum once ranks have averaged theirs.

        As `torch.distributed.nn.functional.all_reduce` where all ranks make the same of the sum, with half the
        exchanges: its backward pass would sum what is equal on all ranks.
        """
        if self.alone:
            return part
        return self.sum(part.detach().clone()) + self.world_size * (part - part.detach())

    def any(self, flag: bool) -> bool:
        """True on all ranks when `flag` is true on one."""
        return flag if self.alone else bool(self.sum(torch.tensor(float(flag), device=self.device)) > 0)

    def agree(self, numbers: list[float]) -> list[float]:
        """The `numbers` of rank 0."""
        if self.alone:
            return numbers
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.broadcast(tensor, src=0)
        return [float(number) for number in tensor.tolist()]

    def follow(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite `tensors` with those of rank 0."""
        if not self.alone:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def average(self, tensors: Iterable[Tensor], add: Callable[[Tensor], object] = dist.all_reduce) -> None:
        """Overwrite floating `tensors` with their means over ranks, in one exchange; `add` sums over ranks in place."""
        wanted = [tensor for tensor in tensors if tensor.is_floating_point()]
        if self.alone or not wanted:
            return
        flat = torch.cat([tensor.detach().flatten().to(self.device) for tensor in wanted])
        add(flat)
        flat /= self.world_size
        means = torch.split(flat, [tensor.numel() for tensor in wanted])
        with torch.no_grad():
            torch._foreach_copy_(wanted, [mean.view_as(tensor) for mean, tensor in zip(means, wanted, strict=True)])

    def gather(self, part: Tensor, n_rows: int) -> Tensor:
        """On rank 0 all `n_rows` rows, in order, of which each rank holds its share; elsewhere `part` itself."""
        if self.alone:
            return part
        sizes = [len(range(n_rows)[share(n_rows, rank, self.world_size)]) for rank in range(self.world_size)]
        padded = part.new_zeros(max(sizes), *part.shape[1:])
        padded[: len(part)] = part
        pieces = [torch.empty_like(padded) for _ in sizes] if self.first else None
        dist.gather(padded, pieces, dst=0)
        return torch.cat([piece[:size] for piece, size in zip(pieces, sizes, strict=True)]) if pieces else part


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let torch use so many CPU threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)

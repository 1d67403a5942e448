"""Plain DistributedDataParallel on as many rows as Adult has, for `workers.py speed`. Started by torchrun.

It times the updates of an epoch alone, and with a look at the valid rows: each rank scores its half, rank 0 gathers.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import torch
from torch import distributed, nn

N_ROWS, N_VALID, N_INPUTS, EPOCHS = 27_677, 4_884, 91, 40


def validate(network: nn.Module, x: torch.Tensor, y: torch.Tensor, rank: int, n_ranks: int) -> list[float]:
    share = len(x) // n_ranks
    with torch.no_grad():
        scores = network(x[rank * share : (rank + 1) * share])
    parts = [torch.empty_like(scores) for _ in range(n_ranks)] if rank == 0 else None
    distributed.gather(scores, parts)
    if parts is None:
        return []
    everything = torch.cat(parts)
    return [nn.functional.cross_entropy(everything, y).item(), (everything.argmax(1) == y).float().mean().item()]


def main() -> None:
    batch = int(sys.argv[1])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    distributed.init_process_group("gloo")
    rank, n_ranks = distributed.get_rank(), distributed.get_world_size()
    x, y = torch.randn(N_ROWS, N_INPUTS), torch.randint(0, 2, (N_ROWS,))
    network = nn.Sequential(nn.Linear(N_INPUTS, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    model = nn.parallel.DistributedDataParallel(network) if n_ranks > 1 else network
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    share = batch // n_ranks
    timed: dict[str, list[float]] = {"updates": [], "epochs": []}
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        order = torch.randperm(N_ROWS, generator=torch.Generator().manual_seed(epoch))
        for first in range(0, N_ROWS - batch + 1, batch):
            rows = order[first + rank * share : first + (rank + 1) * share]
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        timed["updates"].append(time.perf_counter() - start)
        validate(network, x[:N_VALID], y[:N_VALID], rank, n_ranks)
        timed["epochs"].append(time.perf_counter() - start)
    if rank == 0:
        n_rows = N_ROWS // batch * batch
        rows_per_s = {name: n_rows / statistics.median(seconds[1:]) for name, seconds in timed.items()}
        print(json.dumps(rows_per_s))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()

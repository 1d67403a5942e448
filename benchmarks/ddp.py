"""A plain loop on as many rows as Adult has, for `workers.py`: DistributedDataParallel where torchrun starts several.

It times the updates of an epoch alone, and with a look at the valid rows: each rank scores its half, rank 0 gathers.
The network is torch's own layers on a dense row (`dense`), or assay's `mlp` on numbers and codes (`codes`).
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import torch
from torch import distributed, nn

from assay import models

N_ROWS, N_VALID, N_INPUTS, EPOCHS = 27_677, 4_884, 91, 40


LEVELS = (8, 16, 7, 14, 6, 5, 30)  # with the five numbers 91 inputs


def dense() -> tuple[nn.Module, list[torch.Tensor]]:
    network = nn.Sequential(nn.Linear(N_INPUTS, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    return network, [torch.randn(N_ROWS, N_INPUTS)]


def codes() -> tuple[nn.Module, list[torch.Tensor]]:
    told = models.Inputs(n_numeric=5, levels=LEVELS, encode=("onehot",) * len(LEVELS))
    options = {"depth": 2, "width": 128, "dropout": 0.0, "numeric_embedding": "none"}
    columns = [torch.randint(0, n_levels, (N_ROWS,)) for n_levels in LEVELS]
    return models.build("mlp", options, told, 2), [torch.randn(N_ROWS, 5), torch.stack(columns, 1).to(torch.uint8)]


def validate(network: nn.Module, inputs: list[torch.Tensor], y: torch.Tensor, rank: int, n_ranks: int) -> list[float]:
    share = len(y) // n_ranks
    with torch.no_grad():
        scores = network(*(x[rank * share : (rank + 1) * share] for x in inputs))
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
    network, inputs = {"dense": dense, "codes": codes}[sys.argv[2]]()
    y = torch.randint(0, 2, (N_ROWS,))
    model = nn.parallel.DistributedDataParallel(network) if n_ranks > 1 else network
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    share = batch // n_ranks
    timed: dict[str, list[float]] = {"updates": [], "epochs": []}
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        order = torch.randperm(N_ROWS, generator=torch.Generator().manual_seed(epoch))
        for first in range(0, N_ROWS - batch + 1, batch):
            rows = order[first + rank * share : first + (rank + 1) * share]
            loss = nn.functional.cross_entropy(model(*(x[rows] for x in inputs)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        timed["updates"].append(time.perf_counter() - start)
        validate(network, [x[:N_VALID] for x in inputs], y[:N_VALID], rank, n_ranks)
        timed["epochs"].append(time.perf_counter() - start)
    if rank == 0:
        n_rows = N_ROWS // batch * batch
        rows_per_s = {name: n_rows / statistics.median(seconds[1:]) for name, seconds in timed.items()}
        print(json.dumps(rows_per_s))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()

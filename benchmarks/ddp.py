"""Plain DistributedDataParallel on as many rows as Adult trains on, for `workers.py speed`. Started by torchrun."""

from __future__ import annotations

import json
import statistics
import sys
import time

import torch
from torch import distributed, nn

N_ROWS, N_INPUTS, EPOCHS = 27_677, 91, 8


def main() -> None:
    batch = int(sys.argv[1])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    distributed.init_process_group("gloo")
    rank, n_ranks = distributed.get_rank(), distributed.get_world_size()
    x, y = torch.randn(N_ROWS, N_INPUTS), torch.randint(0, 2, (N_ROWS,))
    network = nn.Sequential(nn.Linear(N_INPUTS, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    model = nn.parallel.DistributedDataParallel(network)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    share, seconds = batch // n_ranks, []
    for epoch in range(EPOCHS):
        start = time.perf_counter()
        order = torch.randperm(N_ROWS, generator=torch.Generator().manual_seed(epoch))
        for first in range(0, N_ROWS - batch + 1, batch):
            rows = order[first + rank * share : first + (rank + 1) * share]
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        print(json.dumps({"rows_per_s": N_ROWS / statistics.median(seconds[1:])}))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()

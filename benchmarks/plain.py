"""What a user would write instead: read Adult, one-hot, a 2x128 MLP for 10 epochs, accuracy and group rates. One file.

    python benchmarks/plain.py examples/adult/adult.parquet

Batches are index slices of tensors, the fast way; there is no validation, no audit, no interval, no tracking and no
registry. It is the yardstick of `benchmarks/speed.py`.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
import torch
from torch import nn

EPOCHS, BATCH, WIDTH = 10, 256, 128


def read(path: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, pd.DataFrame]:
    frame = pd.read_parquet(path).drop(columns=["fnlwgt"])
    train = frame["split"] == "train"
    y = (frame["income"] == ">50K").to_numpy(dtype=np.int64)
    x = frame.drop(columns=["income", "split", "sex", "race"])
    numeric = x.select_dtypes("number")
    numeric = (numeric - numeric[train].mean()) / numeric[train].std()
    encoded = pd.concat([numeric, pd.get_dummies(x.select_dtypes(exclude="number"), dummy_na=True)], axis=1)
    values = torch.from_numpy(encoded.to_numpy(dtype=np.float32))
    targets = torch.from_numpy(y)
    rows = torch.tensor(train.to_numpy())
    return values[rows], targets[rows], values[~rows], targets[~rows], frame[~train]


def train(x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    model = nn.Sequential(
        nn.Linear(x.shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def main() -> None:
    torch.manual_seed(0)
    x, y, x_test, y_test, people = read(sys.argv[1])
    start = time.perf_counter()
    model = train(x, y)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        predicted = model(x_test).argmax(1)
    accuracy = (predicted == y_test).float().mean().item()
    rates = people.assign(predicted=predicted.numpy()).groupby("sex")["predicted"].mean().to_dict()
    print(f"accuracy {accuracy:.4f}, selection rates {rates}, {EPOCHS * len(x) / seconds:,.0f} rows/s")


if __name__ == "__main__":
    main()

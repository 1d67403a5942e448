"""Searches against what a user would write instead. Writes the tables in RESULTS.md.

python benchmarks/search.py overhead          # 24 trivial trials; 16 trials of 8 short epochs against a pool
python benchmarks/search.py asha [--seeds 5]  # Bayesian + ASHA against 32 full random trials, by epochs
python benchmarks/search.py pbt               # a population against its own starting configurations
python benchmarks/search.py memory            # 500 trials: how the driver's memory grows
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from assay import pipeline
from assay.artifacts import Search, TrainingArrays, from_json
from assay.ledger import Ledger
from assay.spec.loading import load_spec

SPEC = Path(__file__).parent.parent / "examples/adult/adult-search.yaml"
LR = "training.lr: {log_uniform: [3.0e-4, 3.0e-2]}"
SHORT = (
    "training={epochs: 8, batch_size: 2048, early_stopping: null}",
    "model={family: mlp, width: 128, depth: 2, dropout: 0, numeric_embedding: none}",
    "compute.device=cpu",
)


def searched(*overrides: str, home: Path | None = None, spec: Path = SPEC, listen: Any = None) -> Search:
    with tempfile.TemporaryDirectory() as folder:
        return pipeline.search(load_spec(spec, overrides), home=home or Path(folder), listen=listen).search


def overhead() -> None:
    import ray

    from assay.tuning import _ray

    home = Path(tempfile.mkdtemp())
    plain_search = ("tune.scheduler=null", "tune.algorithm=random", f"tune.space={{{LR}}}")
    two = ("tune.workers=2", *plain_search)
    trivial = ("model={family: constant}", "training.epochs=1", "tune.metric=loss", "tune.trials=24", *two)
    searched(*SHORT, *plain_search, "tune.trials=1", "tune.workers=0", home=home)  # data, encoded rows, file caches
    with _ray.Actors(lambda segment: None, 0, 1.0, 0.0):  # type: ignore[arg-type,return-value]
        for repeat in range(3):
            found = searched(*trivial, f"training.label_smoothing=1e-{9 + repeat}", home=home)
            print(f"24 trivial trials once Ray is up: {found.seconds:.2f} s", flush=True)
        arrays = next(from_json(TrainingArrays, commit.artifact) for _, commit in Ledger(home).commits("encode"))
        blobs = [blob for fold in (arrays.train, arrays.valid) for blob in (fold.numeric, fold.codes, fold.target)]
        paths = [str(Ledger(home).store.path(blob)) for blob in blobs]
        for repeat in range(3):
            fresh = f"training.label_smoothing=1e-{9 + repeat}"  # so that nothing is reused
            found = searched(*SHORT, *two, "tune.trials=16", fresh, home=home)
            whole, trials = pool_of_processes(paths)
            print(
                f"16 trials: search {found.seconds:.2f} s, {_first_to_last(found):.2f} s from the first on; "
                f"process pool {whole:.2f} s, {trials:.2f} s from the first on"
            )
    ray.shutdown()


def _first_to_last(found: Search) -> float:
    began = min(trial.began for trial in found.trials)
    return max(trial.ended for trial in found.trials) - began


def pool_of_processes(paths: list[str]) -> tuple[float, float]:
    """The same sixteen trainings as a plain user's function in a pool of two processes."""
    start = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        ends = list(pool.map(plain, [(paths, 3e-4 * 100 ** (i / 15)) for i in range(16)]))
    seconds = time.perf_counter() - start
    return seconds, max(end for _, end in ends) - min(begin for begin, _ in ends)


def plain(task: tuple[list[str], float]) -> tuple[float, float]:
    """One training as one writes it: tensors, slices of a permutation, Adam, the AUC after every epoch."""
    import numpy as np
    import torch
    from sklearn.metrics import roc_auc_score
    from torch import nn

    begin = time.time()
    paths, lr = task
    torch.set_num_threads(1)
    torch.manual_seed(0)
    numeric, codes, y, numeric_v, codes_v, y_v = (torch.from_numpy(np.load(path)) for path in paths)
    sizes = [int(codes[:, i].max()) + 1 for i in range(codes.shape[1])]

    def onehot(numbers: Any, categories: Any) -> Any:
        columns = [nn.functional.one_hot(categories[:, i].long().clamp(max=n - 1), n) for i, n in enumerate(sizes)]
        return torch.cat([numbers, *columns], dim=1).float()

    x, x_v = onehot(numeric, codes), onehot(numeric_v, codes_v)
    network = nn.Sequential(nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr)
    for _ in range(8):
        for index in torch.randperm(len(x)).split(2048):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[index]), y[index]).backward()
            optimizer.step()
        with torch.no_grad():
            roc_auc_score(y_v.numpy(), network(x_v).softmax(1)[:, 1].numpy())
    return begin, time.time()


def asha(n_seeds: int) -> None:
    """Epochs until Bayesian + ASHA is as good as the best of 32 full random trials, by the valid AUC."""
    shares = []
    for seed in range(n_seeds):
        home = Path(tempfile.mkdtemp())
        words = (f"seed={seed}", "training.early_stopping=null", "tune.workers=2")
        random = searched(*words, "tune.algorithm=random", "tune.scheduler=null", "tune.trials=32", home=home)
        race = Race(target=random.best.score or 0.0)
        found = searched(*words, "tune.trials=200", f"tune.max_epochs={random.n_epochs}", home=home, listen=race.hear)
        needed = race.reached or random.n_epochs
        shares.append(needed / random.n_epochs)
        print(
            f"seed {seed}: random {race.target:.5f}, {random.n_epochs} epochs; Bayesian + ASHA {found.best.score:.5f}, "
            f"as good after {race.reached or 'never'}",
            flush=True,
        )
    print(f"share of the epochs, mean of {n_seeds} seeds: {statistics.mean(shares):.2f}")


class Race:
    """Hears a search, and notes after how many epochs its best is as good as `target`."""

    def __init__(self, target: float) -> None:
        self.target, self.reached = target, 0
        self._trained: dict[int, int] = {}

    def hear(self, event: dict[str, Any]) -> None:
        if event["kind"] == "trial":
            self._trained[event["trial"]["number"]] = event["trial"]["n_trained"]
            if not self.reached and event["best"] and event["best"]["score"] >= self.target:
                self.reached = sum(self._trained.values())


def pbt() -> None:
    """The winner of a population against the best of its own starting configurations, each trained alone."""
    home = Path(tempfile.mkdtemp())
    words = (
        "training={epochs: 16, batch_size: 512, early_stopping: null}",
        f"tune.space={{{LR}, training.weight_decay: {{log_uniform: [1.0e-5, 1.0e-1]}}}}",
        "tune.trials=8", "tune.algorithm=random", "tune.workers=2",
    )  # fmt: skip
    for seed in range(3):
        starts = searched(*words, f"seed={seed}", "tune.scheduler=null", home=home)
        found = searched(*words, f"seed={seed}", "tune.scheduler={name: pbt, every: 2}", home=home)
        print(f"seed {seed}: best of 8 starts {starts.best.score:.5f}, population {found.best.score:.5f}", flush=True)


def memory() -> None:
    """Growth of the driver's memory from the 50th to the 500th trial."""
    process, seen = psutil.Process(), {}

    def hear(event: dict[str, Any]) -> None:
        if event["kind"] == "trial" and event["trial"]["state"] == "done":
            seen[event["trial"]["number"]] = process.memory_info().rss / 1e6

    with tempfile.TemporaryDirectory() as folder:
        table = pq.read_table(SPEC.parent / "adult.parquet")
        pq.write_table(table.take(list(range(0, table.num_rows, 16))), Path(folder) / "adult.parquet")
        spec = Path(folder) / "search.yaml"
        spec.write_text(SPEC.read_text())
        start = time.perf_counter()
        words = ("model={family: linear}", "training.epochs=2", "tune.scheduler=null", "tune.algorithm=random")
        searched(*words, "tune.trials=500", "tune.workers=2", f"tune.space={{{LR}}}", spec=spec, listen=hear)
        seconds = time.perf_counter() - start
    print(f"500 trials in {seconds:.0f} s: {seen[49]:.0f} MB after 50, {seen[499]:.0f} MB after 500")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=["overhead", "asha", "pbt", "memory"])
    arguments.add_argument("--seeds", type=int, default=5)
    chosen = arguments.parse_args()
    if chosen.what == "asha":
        asha(chosen.seeds)
    else:
        getattr(sys.modules[__name__], chosen.what)()


if __name__ == "__main__":
    main()

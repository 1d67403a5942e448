"""Searches against what a user would write instead. Each call adds its figures to a JSON file, by part and seed.

python benchmarks/search.py trivial           # 24 trivial trials once Ray is up
python benchmarks/search.py pool              # 16 trials of 8 short epochs against a plain pool of processes
python benchmarks/search.py memory            # 500 trials: how the driver's memory grows
python benchmarks/search.py random --seed 0   # 32 full random trials: what Bayesian + ASHA is to reach
python benchmarks/search.py asha --seed 0     # Bayesian + ASHA after as many epochs; needs the `random` of its seed
python benchmarks/search.py pbt --seed 0      # a population against its own starting configurations
python benchmarks/search.py show              # what has been measured
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
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
RANDOM = ("tune.scheduler=null", "tune.algorithm=random")
SHORT = (
    "training={epochs: 8, batch_size: 2048, early_stopping: null}",
    "model={family: mlp, width: 128, depth: 2, dropout: 0, numeric_embedding: none}",
    "compute.device=cpu",
)
TRIVIAL = ("model={family: constant}", "training.epochs=1", "tune.metric=loss", "tune.trials=24")
Figures = dict[str, Any]


def searched(*overrides: str, home: Path, spec: Path = SPEC, listen: Any = None) -> Search:
    return pipeline.search(load_spec(spec, overrides), home=home, listen=listen).search


def trivial(seed: int, home: Path, known: Figures) -> Figures:
    """24 trials that fit nothing, once Ray is up."""
    from assay.tuning import _ray

    words = (*SHORT, *RANDOM, f"tune.space={{{LR}}}")
    searched(*words, "tune.trials=1", "tune.workers=0", home=home)  # data, encoded rows, file caches
    with _ray.Actors(lambda segment: None, 0, 1.0, 0.0):  # type: ignore[arg-type,return-value]
        found = [searched(*words, *TRIVIAL, "tune.workers=2", fresh(i), home=home).seconds for i in range(3)]
    return {"seconds": found}


def pool(seed: int, home: Path, known: Figures) -> Figures:
    """16 short trials once Ray is up, against the same in a pool of processes, which torch has been imported for."""
    from assay.tuning import _ray

    words = (*SHORT, *RANDOM, f"tune.space={{{LR}}}")
    searched(*words, "tune.trials=1", "tune.workers=0", home=home)
    arrays = next(from_json(TrainingArrays, commit.artifact) for _, commit in Ledger(home).commits("encode"))
    blobs = [blob for fold in (arrays.train, arrays.valid) for blob in (fold.numeric, fold.codes, fold.target)]
    paths = [str(Ledger(home).store.path(blob)) for blob in blobs]
    found, pools = [], []
    with _ray.Actors(lambda segment: None, 0, 1.0, 0.0):  # type: ignore[arg-type,return-value]
        for i in range(5):
            found.append(searched(*words, "tune.workers=2", "tune.trials=16", fresh(i), home=home).seconds)
            pools.append(pool_of_processes(paths))
    ratios = [a / b for a, b in zip(found, pools, strict=True)]
    return {"search": found, "pool": pools, "ratios": ratios, "median": statistics.median(ratios)}


def fresh(i: int) -> str:
    """An override that changes nothing, and lets nothing be reused."""
    return f"training.label_smoothing=1e-{9 + i}"


def pool_of_processes(paths: list[str]) -> float:
    """The same sixteen trainings as a plain user's function in a pool of two processes."""
    start = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(plain, [(paths, 3e-4 * 100 ** (i / 15)) for i in range(16)]))
    return time.perf_counter() - start


def plain(task: tuple[list[str], float]) -> None:
    """One training as one writes it: tensors, slices of a permutation, Adam, the AUC after every epoch."""
    import numpy as np
    import torch
    from sklearn.metrics import roc_auc_score
    from torch import nn

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


def random(seed: int, home: Path, known: Figures) -> Figures:
    """The best of 32 full random trials. A job that was cut off goes on with it."""
    found = searched(*full(seed), *RANDOM, "tune.trials=32", home=home)
    return {"best": found.best.score, "epochs": found.n_epochs, "seconds": found.seconds}


def asha(seed: int, home: Path, known: Figures) -> Figures:
    """Epochs until Bayesian + ASHA is as good as the best of 32 full random trials, by the valid AUC."""
    target = known[f"random {seed}"]
    race = Race(target["best"])
    words = ("tune.trials=1000", f"tune.max_epochs={target['epochs']}")
    found = searched(*full(seed), *words, home=home, listen=race.hear)
    share = (race.reached or found.n_epochs) / target["epochs"]
    return {"reached": race.reached, "share": share, "best": found.best.score, "epochs": found.n_epochs}


def full(seed: int) -> tuple[str, ...]:
    return (f"seed={seed}", "training.early_stopping=null", "tune.workers=2")


class Race:
    """Hears a search, and ends it when its best is as good as `target`: `reached` is after how many epochs."""

    def __init__(self, target: float) -> None:
        self.target, self.reached = target, 0
        self._trained: dict[int, int] = {}

    def hear(self, event: dict[str, Any]) -> None:
        if event["kind"] == "trial" and not self.reached:
            self._trained[event["trial"]["number"]] = event["trial"]["n_trained"]
            if event["best"] and event["best"]["score"] >= self.target:
                self.reached = sum(self._trained.values())
                os.kill(os.getpid(), signal.SIGINT)


def pbt(seed: int, home: Path, known: Figures) -> Figures:
    """The winner of a population against the best of its own starting configurations, each trained alone."""
    words = (
        "training={epochs: 16, batch_size: 512, early_stopping: null}",
        f"tune.space={{{LR}, training.weight_decay: {{log_uniform: [1.0e-5, 1.0e-1]}}}}",
        "tune.trials=8", "tune.algorithm=random", "tune.workers=2", f"seed={seed}",
    )  # fmt: skip
    starts = searched(*words, "tune.scheduler=null", home=home).best.score or 0.0
    population = searched(*words, "tune.scheduler={name: pbt, every: 2}", home=home).best.score or 0.0
    return {"starts": starts, "population": population, "gain": population - starts}


def memory(seed: int, home: Path, known: Figures) -> Figures:
    """Growth of the driver's memory from the 50th to the 500th trial."""
    process, seen = psutil.Process(), {}

    def hear(event: dict[str, Any]) -> None:
        if event["kind"] == "trial" and event["trial"]["state"] == "done":
            seen[event["trial"]["number"]] = process.memory_info().rss / 1e6

    table = pq.read_table(SPEC.parent / "adult.parquet")
    pq.write_table(table.take(list(range(0, table.num_rows, 16))), home / "adult.parquet")
    spec = home / "search.yaml"
    spec.write_text(SPEC.read_text())
    words = ("model={family: linear}", "training.epochs=2", *RANDOM, "tune.trials=500", "tune.workers=2")
    found = searched(*words, f"tune.space={{{LR}}}", spec=spec, home=home, listen=hear)
    return {"seconds": found.seconds, "MB after 50": seen[49], "MB after 500": seen[499]}


def shown(known: Figures) -> None:
    for name, figures in sorted(known.items()):
        print(name, json.dumps(figures))
    for part, number in (("asha", "share"), ("pbt", "gain")):
        of = [figures[number] for name, figures in known.items() if name.startswith(f"{part} ")]
        if of:
            print(f"{part}: {number}, mean of {len(of)} seeds: {statistics.fmean(of):.5f}")


PARTS = {part.__name__: part for part in (trivial, pool, memory, random, asha, pbt)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("part", choices=[*PARTS, "show"])
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "assay-search")
    chosen = arguments.parse_args()
    path = chosen.folder / "figures.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if chosen.part != "show":
        home = chosen.folder / f"{chosen.part}-{chosen.seed}"
        home.mkdir(parents=True, exist_ok=True)
        figures = PARTS[chosen.part](chosen.seed, home, known)
        known[f"{chosen.part} {chosen.seed}"] = figures
        path.write_text(json.dumps(known, indent=1))
    shown(known)


if __name__ == "__main__":
    main()

"""Workers: the same numbers, and the speed of torch's own launcher.

    python benchmarks/workers.py parity     0, 1 and 2 workers: loss curves without dropout, metrics over seeds with it
    python benchmarks/workers.py speed      2 workers against `torchrun` with 2 processes, same network and batch

`speed` compares steady rows a second (the median epoch) and the seconds from the start of the process to its first
epoch's end, less that epoch.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ASSAY = str(Path(sys.executable).with_name("assay"))
SPEC = str(HERE.parent / "examples/adult/adult.yaml")
N_ROWS = 27_677
MLP = "model={{family: mlp, depth: 2, width: 128, dropout: {dropout}, numeric_embedding: none}}"
TRAINING = "training={{epochs: {epochs}, batch_size: {batch}, lr: 1e-3, early_stopping: null, checkpoint_every: 8}}"
GATES = "gates=[{gate: min_metric, metric: accuracy, at_least: 0.5}]"


def run(home: str, workers: int, *, dropout: float, epochs: int, batch: int, seed: int = 0) -> dict[str, Any]:
    """One run of the Adult spec with that network, as `assay run --json` tells it."""
    settings = [MLP.format(dropout=dropout), TRAINING.format(epochs=epochs, batch=batch), GATES]
    settings += [f"compute={{workers: {workers}, threads: 1}}", f"seed={seed}"]
    command = [ASSAY, "run", SPEC, "--orchestrator", "none", "--json"]
    for setting in settings:
        command += ["--set", setting]
    env = os.environ | {"ASSAY_HOME": home}
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    data: dict[str, Any] = json.loads(result.stdout)
    return data


def metric(result: dict[str, Any], name: str) -> float:
    found = (m for m in result["evaluation"]["metrics"] if m["name"] == name and m["fold"] == "test")
    return float(next(found)["interval"]["value"])


def parity(home: str) -> None:
    curves = {
        n: [epoch["valid_loss"] for epoch in run(home, n, dropout=0.0, epochs=5, batch=256)["model"]["epochs"]]
        for n in (0, 1, 2)
    }
    for n in (1, 2):
        apart = max(abs(a - b) / a for a, b in zip(curves[0], curves[n], strict=True))
        print(f"no dropout, 5 epochs: valid loss of {n} workers is within {apart:.1e} of 0 workers'")
    for n in (0, 1, 2):
        results = [run(home, n, dropout=0.2, epochs=5, batch=256, seed=seed) for seed in range(5)]
        accuracy = [metric(result, "accuracy") for result in results]
        auc = [metric(result, "roc_auc") for result in results]
        print(
            f"dropout 0.2, 5 seeds, {n} workers: accuracy {statistics.mean(accuracy):.4f} (sd "
            f"{statistics.stdev(accuracy):.4f}), AUC {statistics.mean(auc):.4f} (sd {statistics.stdev(auc):.4f})"
        )


def speed(home: str) -> None:
    for batch in (256, 2048):
        start = time.perf_counter()
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(HERE / "ddp.py")]
        torchrun = subprocess.run([*launcher, str(batch)], capture_output=True, text=True, check=True)
        plain = json.loads(torchrun.stdout.strip().splitlines()[-1])
        result = run(home, 2, dropout=0.0, epochs=8, batch=batch)
        epochs = [epoch["seconds"] for epoch in result["model"]["epochs"]]
        ours = N_ROWS / statistics.median(epochs[1:])
        train = next(stage["seconds"] for stage in result["stages"] if stage["name"] == "train")
        print(
            f"batch {batch}: 2 workers {ours:,.0f} rows/s, torchrun {plain['rows_per_s']:,.0f} rows/s, ratio "
            f"{ours / plain['rows_per_s']:.2f}; start to the first step {train - sum(epochs):.1f} s "
            f"({time.perf_counter() - start:.0f} s in all)"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        {"parity": parity, "speed": speed}[sys.argv[1]](home)


if __name__ == "__main__":
    main()

"""Workers: the same numbers, and the speed of torch's own launcher.

    python benchmarks/workers.py parity     0, 1 and 2 workers: loss curves without dropout, metrics over seeds with it
    python benchmarks/workers.py alone      1 process against a bare loop over slices of tensors: with torch's own
                                            layers on dense rows, then with the same network on the same inputs
    python benchmarks/workers.py speed      2 workers against DDP with 2 processes, started by `torchrun`

The last two take batch sizes too; 256 and 2,048 where none is named. They compare steady rows a second, those of the
median of forty epochs (during the first few, the start of MLflow shares the cores): of `updates` alone, and of `epochs`
with their valid pass. Ours times only whole epochs, so for its `updates` the valid fold is one row in a hundred. The
first step is counted from the start of the train stage to that of its first epoch, by the run's event log.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ASSAY = str(Path(sys.executable).with_name("assay"))
SPEC = str(HERE.parent / "examples/adult/adult.yaml")
MLP = "model={{family: mlp, depth: 2, width: 128, dropout: {dropout}, numeric_embedding: none}}"
TRAINING = "training={{epochs: {epochs}, batch_size: {batch}, lr: 1e-3, early_stopping: null, checkpoint_every: 8}}"
GATES = "gates=[{gate: min_metric, metric: accuracy, at_least: 0.5}]"


def run(
    home: str, workers: int, *, dropout: float, epochs: int, batch: int, seed: int = 0, valid_frac: float = 0.15
) -> dict[str, Any]:
    """One run of the Adult spec with that network, as `assay run --json` tells it."""
    settings = [MLP.format(dropout=dropout), TRAINING.format(epochs=epochs, batch=batch), GATES]
    settings += [f"compute={{workers: {workers}, threads: 1}}", f"seed={seed}", f"split.valid_frac={valid_frac}"]
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


def torchrun(n_processes: int, batch: int, network: str) -> dict[str, float]:
    """Rows a second of a plain script: `updates` and `epochs`."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(n_processes)]
    result = subprocess.run(
        [*launcher, str(HERE / "ddp.py"), str(batch), network], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


def alone(home: str) -> None:
    compare(home, n_processes=1, workers=0, networks=("dense", "codes"))


def speed(home: str) -> None:
    compare(home, n_processes=2, workers=2, networks=("dense",))


def compare(home: str, n_processes: int, workers: int, networks: tuple[str, ...]) -> None:
    for batch in [int(size) for size in sys.argv[2:]] or [256, 2048]:
        plain, ours = {network: torchrun(n_processes, batch, network) for network in networks}, {}
        for name, valid_frac in (("updates", 0.01), ("epochs", 0.15)):
            result = run(home, workers, dropout=0.0, epochs=40, batch=batch, valid_frac=valid_frac)
            seconds = [epoch["seconds"] for epoch in result["model"]["epochs"]]
            ours[name] = result["folds"]["train"]["n_rows"] / statistics.median(seconds[1:])
        for network, theirs in plain.items():
            ratios = [
                f"{name} {ours[name]:,.0f} / {theirs[name]:,.0f} = {ours[name] / theirs[name]:.2f}" for name in ours
            ]
            print(f"batch {batch}, {network}: {'; '.join(ratios)}", flush=True)
        print(f"  first step after {start_s(home, result):.1f} s, whole run {result['seconds']:.1f} s", flush=True)


def start_s(home: str, result: dict[str, Any]) -> float:
    """Seconds from the start of the train stage to the first epoch's."""
    lines = (Path(home) / "runs" / result["run_id"] / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    called = next(event["time"] for event in events if event["kind"] == "stage_started" and event["stage"] == "train")
    first = next(event for event in events if event["kind"] == "epoch")
    return float(first["time"] - called - first["seconds"])


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        {"parity": parity, "alone": alone, "speed": speed}[sys.argv[1]](home)


if __name__ == "__main__":
    main()

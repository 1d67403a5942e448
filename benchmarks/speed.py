"""The audited Adult run against a plain PyTorch script, by ratio, in one run. Writes the table in RESULTS.md.

    python benchmarks/speed.py [--repeat 5] [--servers]

Both are new processes with warm file caches; assay has an existing state folder and runs every stage anew (`--fresh`),
in process. The network, the epochs and the batch are those of the plain script. Pairs alternate, so that a machine that
slows down slows both; medians are compared. With `--servers` the same run goes through Prefect and MLflow servers too,
started by `assay up`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
ASSAY = str(Path(sys.executable).with_name("assay"))
SPEC = str(ROOT / "examples/adult/adult.yaml")
SAME_NETWORK = (
    "--set", "model={family: mlp, depth: 2, width: 128, dropout: 0, numeric_embedding: none}",
    "--set", "training={epochs: 10, batch_size: 256, lr: 1e-3, early_stopping: null}",
    "--set", "gates=[{gate: min_metric, metric: accuracy, at_least: 0.5}]",
)  # fmt: skip


def seconds_of(command: list[str], home: str) -> float:
    start = time.perf_counter()
    env = os.environ | {"ASSAY_HOME": home}
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{command} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return time.perf_counter() - start


def through_servers(run: list[str], home: str, n: int) -> list[float]:
    command = [*run, "--orchestrator", "prefect"]
    seconds_of([ASSAY, "up"], home)
    try:
        seconds_of(command, home)
        return [seconds_of(command, home) for _ in range(n)]
    finally:
        seconds_of([ASSAY, "down"], home)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--servers", action="store_true")
    options = arguments.parse_args()
    n = options.repeat
    plain = [sys.executable, str(HERE / "plain.py"), str(ROOT / "examples/adult/adult.parquet")]
    run = [ASSAY, "run", SPEC, "--orchestrator", "none", *SAME_NETWORK]
    commands = {
        "plain script": plain,
        "audited run, every stage": [*run, "--fresh"],
        "nothing changed": run,
        "assay plan": [ASSAY, "plan", SPEC, *SAME_NETWORK],
        "assay --help": [ASSAY, "--help"],
    }
    with tempfile.TemporaryDirectory() as home:
        for command in commands.values():
            seconds_of(command, home)  # file caches, the database, the state folder
        times = {name: [] for name in commands}  # type: dict[str, list[float]]
        for _ in range(n):
            for name, command in commands.items():
                times[name].append(seconds_of(command, home))
        gates = [
            seconds_of([*run, "--set", f"gates=[{{gate: min_metric, metric: accuracy, at_least: 0.5{k}}}]"], home)
            for k in range(1, n + 1)
        ]
        times["only a gate changed"] = gates
        if options.servers:
            times["audited run, servers"] = through_servers([*run[:3], *SAME_NETWORK, "--fresh"], home, n)
    base = statistics.median(times["plain script"])
    print(f"| {'what':26} | median s |  min |  max | / plain |\n|---|---|---|---|---|")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"| {name:26} | {middle:8.2f} | {min(values):4.2f} | {max(values):4.2f} | {middle / base:7.2f} |")


if __name__ == "__main__":
    main()

"""Peak memory of a whole run, all its processes, on a table of millions of Adult-like rows.

    python benchmarks/memory.py [--rows 5000000] [--format parquet|csv]

Rows are drawn from Adult with replacement, and the numbers are jittered so that rows differ. What is compared is the
proportional set size (shared pages counted once) of the process and its children, sampled every 50 ms, with the size of
the table as Arrow with dictionary-encoded strings (int32 codes, as `dictionary_encode` makes them). The target is 3x.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

ROOT = Path(__file__).parent.parent
SETTINGS = (
    "model={family: mlp, depth: 2, width: 128}",
    "training={epochs: 1, batch_size: 4096, early_stopping: null}",
    "gates=[{gate: min_metric, metric: accuracy, at_least: 0.5}]",
)


def make(folder: Path, n_rows: int, kind: str) -> int:
    """Write the table; returns its bytes as dictionary-encoded Arrow."""
    adult = pq.read_table(ROOT / "examples/adult/adult.parquet")
    draw = np.random.default_rng(0)
    table = adult.take(pa.array(draw.integers(0, adult.num_rows, n_rows)))
    jitter = pa.array(draw.integers(1, 10**6, n_rows))
    table = table.set_column(table.column_names.index("fnlwgt"), "fnlwgt", jitter)
    encoded = [
        column.dictionary_encode() if pa.types.is_large_string(column.type) else column for column in table.columns
    ]
    if kind == "csv":
        pyarrow.csv.write_csv(table, folder / "adult.csv")
    else:
        pq.write_table(table, folder / "adult.parquet")
    return pa.table(encoded, names=table.column_names).nbytes


def peak_bytes(command: list[str], home: str) -> tuple[int, float]:
    """The largest proportional set size of the command and all its children, and its seconds."""
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, env=os.environ | {"ASSAY_HOME": home}, stdout=subprocess.DEVNULL) as child:
        whole = psutil.Process(child.pid)
        while child.poll() is None:
            total = 0
            for process in [whole, *whole.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue  # it ended between the two looks
            peak = max(peak, total)
            time.sleep(0.05)
    if child.returncode:
        raise SystemExit(f"{command} ended with {child.returncode}")
    return peak, time.perf_counter() - start


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=5_000_000)
    arguments.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child inherits the peak of its parent.
        code = f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import memory, pathlib; "
        code += f"print(memory.make(pathlib.Path({name!r}), {asked.rows}, {asked.format!r}))"
        n_bytes = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
        spec = (ROOT / "examples/adult/adult.yaml").read_text().replace("adult.parquet", f"adult.{asked.format}")
        (folder / "adult.yaml").write_text(spec)
        assay = str(Path(sys.executable).with_name("assay"))
        command = [assay, "run", str(folder / "adult.yaml"), "--orchestrator", "none"]
        for setting in SETTINGS:
            command += ["--set", setting]
        peak, seconds = peak_bytes(command, str(folder / "home"))
    print(f"{asked.rows:,} rows as {asked.format}: table {n_bytes / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB, "
          f"{peak / n_bytes:.2f} x the table, {seconds:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()

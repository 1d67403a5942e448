"""`assay predict` over millions of rows: memory, rows a second, and two kills on the way.

python benchmarks/score.py [--rows 5000000]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from serve import ASSAY, NETWORK, ROOT


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=5_000_000)
    n_rows = arguments.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"ASSAY_HOME": f"{folder}/home", "OMP_NUM_THREADS": "1"}
        run = [ASSAY, "run", str(ROOT / "examples/adult/adult.yaml"), "--orchestrator", "none", *NETWORK]
        subprocess.run(run, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        adult = pq.read_table(ROOT / "examples/adult/adult.parquet")
        data, out = Path(folder, "data.parquet"), Path(folder, "out")
        with pq.ParquetWriter(data, adult.schema) as writer:
            for start in range(0, n_rows, len(adult)):
                writer.write_table(adult.slice(0, n_rows - start))
        command = [ASSAY, "predict", "adult@champion", "--data", str(data), "--out", str(out)]
        peak, start, n_kills = 0, time.perf_counter(), 0
        while True:
            process = subprocess.Popen(command, env=env)
            before = len(list(out.glob("part-*.parquet")))
            while process.poll() is None:
                try:
                    peak = max(peak, psutil.Process(process.pid).memory_info().rss)
                except psutil.NoSuchProcess:
                    break
                if n_kills < 2 and len(list(out.glob("part-*.parquet"))) >= before + 10:
                    process.send_signal(signal.SIGKILL)
                    n_kills += 1
                time.sleep(0.05)
            if process.wait() == 0:
                break
        seconds = time.perf_counter() - start
        rows = pa.concat_arrays(
            pq.read_table(path, columns=["row"]).column(0).combine_chunks() for path in sorted(out.glob("*.parquet"))
        )
        assert rows.equals(pa.array(range(n_rows), pa.int64()))
        print(f"{n_rows:,} rows, each once, {n_kills} kills, {seconds:.0f} s in all, peak {peak / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()

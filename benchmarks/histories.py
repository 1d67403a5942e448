"""Seeded histories of faults, a line of JSON for each: `python benchmarks/histories.py SEED [SEED ..] --faults 20`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conftest import EXAMPLES, SPEC
from tests.faults.history import live


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--faults", type=int, default=20)
    asked = parser.parse_args()
    adult = pq.read_table(EXAMPLES / "adult/adult.parquet")
    n_wrong = 0
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            pq.write_table(adult.take(list(range(0, adult.num_rows, 16))), Path(folder) / "small.parquet")
            spec_path = Path(folder) / "small.yaml"
            spec_path.write_text(SPEC)
            history, wrong = live(Path(folder), spec_path, seed, asked.faults)
            print(history.told_in_json(wrong), flush=True)
        n_wrong += len(wrong)
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()

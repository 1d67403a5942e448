"""What the audit costs.

python benchmarks/audit.py rows [--rows 10000000]     audit that many predictions: seconds, and peak memory
python benchmarks/audit.py bootstrap                  10,000 resamples of ten groups, from their cells
python benchmarks/audit.py full                       everything that can be asked of a 2x128 MLP on Adult
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

import assay  # noqa: E402
from assay import audit  # noqa: E402
from assay.artifacts import Predictions, Snapshot, from_json, to_json  # noqa: E402
from assay.spec.evidence import AuditSpec  # noqa: E402
from assay.store import Store  # noqa: E402
from tests.audit.example import predictions, snapshot  # noqa: E402

RACES = ["White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"]
SHARES = [0.855, 0.096, 0.03, 0.01, 0.009]
SPEC = AuditSpec(sensitive=("sex", "race"), crossings=(("sex", "race"),))


def drawn(n_rows: int) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """People of two sexes and five races, a label and a score."""
    rng = np.random.default_rng(0)
    dictionary = pa.DictionaryArray.from_arrays
    sex = dictionary(pa.array(rng.integers(0, 2, n_rows, np.int32)), pa.array(["Female", "Male"]))
    race = dictionary(pa.array(rng.choice(5, n_rows, p=SHARES).astype(np.int32)), pa.array(RACES))
    p = rng.random(n_rows, np.float32)
    return pa.table({"sex": sex, "race": race}), (rng.random(n_rows, np.float32) < p).astype(np.int32), p


def rows(n_rows: int) -> None:
    """The audit in a process of its own, so that its peak is not that of making the data."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        table, y, p = drawn(n_rows)
        people, scored = snapshot(store, table), predictions(store, y, (p > 0.5), np.column_stack([1 - p, p]))
        Path(folder, "hands.json").write_text(json.dumps([to_json(scored), to_json(people)]))
        subprocess.run([sys.executable, __file__, "one", "--folder", folder], check=True)


def one(folder: str) -> None:
    """Seconds and peak memory of one audit."""
    store = Store(Path(folder))
    hands = json.loads(Path(folder, "hands.json").read_text())
    scored, people = from_json(Predictions, hands[0]), from_json(Snapshot, hands[1])
    start = time.perf_counter()
    found = audit.audit(scored, people, SPEC, store=store)
    seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(row.n_rows for row in found.groups if row.sensitive == "sex") == scored.n_rows
    print(f"{scored.n_rows:,} rows: {seconds:.2f} s, peak {peak / 1e6:.2f} GB")


FULL = """
version: 1
name: adult-full
task: classification
data: {path: adult.parquet}
target: {column: income, positive: ">50K"}
features: {exclude: [fnlwgt], use_sensitive: [sex]}
split: {by: column, column: split, train: train, test: test, valid_frac: 0.15}
model: {family: mlp, width: 128, depth: 2}
training: {epochs: 10, batch_size: 512, lr: 0.002}
audit:
  sensitive: [sex, race]
  crossings: [[sex, race]]
  data: {}
  slices: {}
  seeds: 4
  conformal: 0.9
  flip: true
  membership: {shadows: 16}
  explain: {adverse: "<=50K", mutable: {education_num: up, hours_per_week: any, occupation: any}}
gates:
  - {gate: min_metric, metric: accuracy, at_least: 0.84}
  - {gate: max_multiplicity, at_most: 0.1}
  - {gate: min_coverage, tolerance: 0.05}
  - {gate: min_stability, at_least: 0.7}
  - {gate: max_membership, at_most: 0.03}
"""
EXTRA_TRAININGS = ("train-seed", "membership")
OF_MODELS = ("audit", "slices", "seeds", "predict-", "attribute", "explain", "stability", "flip", "conformal")


def full() -> None:
    """A run in a home of its own: the whole, and what the audit takes of it apart from further trainings."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(ROOT / "examples/adult/adult.parquet", Path(folder, "adult.parquet"))
        spec = Path(folder, "full.yaml")
        spec.write_text(FULL)
        start = time.perf_counter()
        result = assay.run(assay.load_spec(spec), home=Path(folder, "home"))
        whole = time.perf_counter() - start
        trained = sum(stage.seconds for stage in result.stages if stage.name.startswith(EXTRA_TRAININGS))
        found = {stage.name: stage.seconds for stage in result.stages if stage.name.startswith(OF_MODELS)}
        audited = sum(found.values())
        print(f"whole run {whole:.1f} s; further trainings {trained:.1f} s; the rest of the audit {audited:.1f} s")
        print(", ".join(f"{name} {seconds:.2f}" for name, seconds in found.items() if seconds >= 0.05))
        print(*(f"{gate.verdict} {gate.title}: {gate.value:.4f}" for gate in result.decision.gates), sep="\n")


def bootstrap() -> None:
    """The selection rates of ten groups and their widest gap, 10,000 times, from the cells of one audit."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        table, y, p = drawn(16_281)
        scored = predictions(store, y, (p > 0.5), np.column_stack([1 - p, p]))
        cells = audit.count_cells(scored, snapshot(store, table), SPEC, store=store)
        own = cells.filter(pc.equal(cells["sensitive"], "sex × race"))
        groups = own["group"].to_pylist()
        n_GY = np.zeros((len(set(groups)), 2))
        codes = {group: g for g, group in enumerate(sorted(set(groups)))}
        np.add.at(n_GY, ([codes[group] for group in groups], own["y_hat"].to_numpy()), own["n"].to_numpy())
        start = time.perf_counter()
        rng, n_G = np.random.default_rng(0), n_GY.sum(axis=1)
        rate_RG = rng.binomial(n_G.astype(int), n_GY[:, 1] / n_G, (10_000, len(n_G))) / n_G
        gap_R = np.ptp(rate_RG, axis=1)
        seconds = time.perf_counter() - start
        print(
            f"10,000 resamples of {len(n_G)} groups: {seconds:.3f} s, widest gap {np.quantile(gap_R, [0.025, 0.975])}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rows", "bootstrap", "full", "one"])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", default="")
    asked = parser.parse_args()
    calls = {"rows": lambda: rows(asked.rows), "one": lambda: one(asked.folder), "bootstrap": bootstrap, "full": full}
    calls[asked.what]()

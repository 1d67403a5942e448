"""Five million Adult-like rows: the peak of the whole process beside the size of the table."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from assay.artifacts import Column, TrainFold, ValidFold, to_json
from assay.store import Store

N_ROWS = 5_000_000
LEVELS = (8, 16, 7, 14, 6, 5, 2, 41)

MEASURE = """
import json, re, sys, time
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.parquet, pandas
from assay import preprocessing
from assay.artifacts import Blob, Column, TrainFold, ValidFold, from_json
from assay.preprocessing import _encode, _fit
from assay.spec.data import TargetSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.store import Store

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

store, given = Store(Path(sys.argv[1])), json.loads(sys.argv[2])
train, valid = from_json(TrainFold, given["train"]), from_json(ValidFold, given["valid"])
columns = tuple(from_json(Column, column) for column in given["columns"])
config, target = PreprocessingSpec.model_validate(given["spec"]), TargetSpec(column="y")
before, start = peak(), time.perf_counter()
prepared = preprocessing.fit(train, config, columns, target, "classification", store=store)
fitted, middle = peak(), time.perf_counter()
preprocessing.encode(prepared, train, valid, store=store)
print(json.dumps({
    "before": before, "fit": fitted, "peak": peak(),
    "fit_s": middle - start, "encode_s": time.perf_counter() - middle,
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec", [{}, {"select": {"max_correlation": 0.99}, "pca": {"n_components": 3}}], ids=["plain", "pca"]
)
def test_five_million_rows_stay_within_three_times_their_table(store: Store, spec: dict[str, object]) -> None:
    given, n_bytes = five_million(store)
    call = [sys.executable, "-c", MEASURE, str(store.root), json.dumps(given | {"spec": spec})]
    found = json.loads(subprocess.run(call, capture_output=True, text=True, check=True, timeout=280).stdout)
    print(json.dumps(found | {"table": n_bytes, "ratio": found["peak"] / n_bytes}))
    assert found["peak"] < 3 * n_bytes


def five_million(store: Store) -> tuple[dict[str, object], int]:
    """The folds and columns of a snapshot, each as JSON, and the size of its table."""
    rng = np.random.default_rng(0)
    columns, arrays = [], []
    for i in range(1, 7):
        columns.append(Column(name=f"n{i}", kind="numeric", arrow_type="int64", n_null=0))
        arrays.append(pa.array(rng.gamma(2, 10.0**i, N_ROWS).astype(np.int64)))
    for i, n_levels in enumerate(LEVELS):
        columns.append(Column(name=f"c{i}", kind="categorical", arrow_type="string", n_null=0))
        arrays.append(texts(rng.integers(0, n_levels, N_ROWS), [f"level {j}" for j in range(n_levels)]))
    arrays.append(texts(rng.random(N_ROWS) < 0.24, ["<=50K", ">50K"]))
    table = pa.table(arrays, names=[*(column.name for column in columns), "y"])
    blob, is_valid = store.put_table(table, "snapshot.arrow"), rng.random(N_ROWS) < 0.2
    given: dict[str, object] = {"columns": [to_json(column) for column in columns]}
    for name, kind, rows in (("train", TrainFold, ~is_valid), ("valid", ValidFold, is_valid)):
        ids = np.flatnonzero(rows)
        given[name] = to_json(kind(table=blob, rows=store.put_array(ids, f"{name}.npy"), n_rows=len(ids)))
    return given, table.nbytes


def texts(indices: np.ndarray, levels: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32)), pa.array(levels))

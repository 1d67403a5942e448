"""Images, texts and series through the whole chain, from a file to a served version; nothing fitted sees a test row."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import assay
from assay import tracking
from assay.errors import DataError, SpecError
from assay.pipeline import RunResult

SPECS = {
    "image": "cnn, size: tiny",
    "text": "rnn, size: tiny",
    "series": "tcn, size: tiny",
}
FITTED = ("preprocess", "encode", "train", "predict-valid", "calibrate")


def value(kind: str, y: int, draw: np.random.Generator) -> Any:
    if kind == "image":
        pixels = draw.integers(0, 90, (8, 8), dtype=np.uint8) + np.uint8(y * 100)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()
    if kind == "text":
        return " ".join(draw.choice(["buy", "now", "the", "of"] if y else ["dear", "friend", "the", "of"], 9))
    return [[float(y)] * int(draw.integers(2, 7))]


def write(folder: Path, kind: str, seed: int | None = None) -> Path:
    """A spec with its data; `seed` replaces all test rows, labels included."""
    draw = np.random.default_rng(0)
    y = np.arange(150) % 2
    rows = [value(kind, int(label), draw) for label in y]
    if seed is not None:
        other, shuffled = np.random.default_rng(seed), random.Random(seed)
        for place in range(120, 150):
            y[place] = shuffled.randrange(2)
            rows[place] = value(kind, int(y[place]), other)
    x = pa.array(rows, pa.binary()) if kind == "image" else pa.array(rows)
    marks = ["train"] * 90 + ["valid"] * 30 + ["test"] * 30
    pq.write_table(pa.table({"x": x, "age": np.arange(150.0) % 7, "y": y, "fold": marks}), folder / "data.parquet")
    path = folder / "spec.yaml"
    path.write_text(
        f"version: 1\nname: small\ntask: classification\ndata: {{path: data.parquet}}\ntarget: y\n"
        f"split: {{by: column, column: fold, train: train, valid: valid, test: test}}\n"
        f"preprocessing: {{{kind}: {{column: x}}}}\nmodel: {{family: {SPECS[kind]}}}\n"
        f"training: {{epochs: 6, batch_size: 16, lr: 0.01}}\n"
        f"gates: [{{gate: min_metric, metric: accuracy, at_least: 0.6}}]\n"
    )
    return path


def run(path: Path, home: Path) -> RunResult:
    return assay.run(assay.load_spec(path), home=home)


def digests(result: RunResult) -> dict[str, str]:
    """What each stage fitted. A model counts by what it computes; its seconds differ from run to run."""
    found = {stage.name: stage.digest for stage in result.stages if stage.name in FITTED}
    return found | {"train": result.model.sha256}


SERVE = """
import json, sys
import mlflow, pyarrow.parquet as pq
mlflow.set_tracking_uri(sys.argv[1])
served = mlflow.pyfunc.load_model("models:/small@champion")
rows = pq.read_table(sys.argv[2], columns=["x", "age"]).slice(120).to_pandas()
example = served.input_example
print(json.dumps([served.predict(rows)["prediction"].tolist(), len(served.predict(example))]))
"""


@pytest.mark.parametrize("kind", SPECS)
def test_a_signal_goes_from_a_file_to_a_version_that_mlflow_serves(kind: str, tmp_path: Path, home: Path) -> None:
    path = write(tmp_path, kind)
    result = run(path, home)
    assert result.outcome == "promoted"
    assert all(stage.reused for stage in run(path, home).stages)
    code = [sys.executable, "-c", SERVE, tracking.destination(home, None), str(tmp_path / "data.parquet")]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    served, n_of_example = json.loads(done.stdout)
    right = np.mean([int(label) == number % 2 for number, label in enumerate(served, 120)])
    accuracy = next(m.interval.value for m in result.evaluation.metrics if m.name == "accuracy" and m.fold == "test")
    assert right == pytest.approx(accuracy)
    assert n_of_example == 1


@pytest.mark.parametrize("kind", SPECS)
def test_other_test_rows_change_nothing_that_is_fitted(kind: str, tmp_path: Path, home: Path) -> None:
    before = run(write(tmp_path, kind), home)
    after = run(write(tmp_path, kind, seed=1), home)
    assert before.snapshot.table.sha256 != after.snapshot.table.sha256
    assert digests(before) == digests(after)
    assert before.calibration == after.calibration


def test_a_bad_image_among_the_test_rows_ends_in_one_clear_error(tmp_path: Path, home: Path) -> None:
    path = write(tmp_path, "image")
    table = pq.read_table(tmp_path / "data.parquet")
    files = table["x"].to_pylist()
    files[130] = files[130][:60]
    pq.write_table(table.set_column(0, "x", pa.array(files)), tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"column 'x': 1 of 30 images cannot be used. row 131: it is cut short"):
        run(path, home)


def test_a_family_that_does_not_fit_is_told_with_its_line_before_anything_runs(tmp_path: Path, home: Path) -> None:
    path = write(tmp_path, "image")
    said = r"spec\.yaml:8.*model\.family.*'transformer' is for texts and series, and `preprocessing\.image` is there"
    with pytest.raises(SpecError, match=said):
        run(_with_family(path, "transformer"), home)


def _with_family(path: Path, family: str) -> Path:
    path.write_text(path.read_text().replace("family: cnn, size: tiny", f"family: {family}"))
    return path

"""Nothing that is fitted sees a row that it must not see.

The same spec is run twice, the second time with other test rows (or other valid and test rows): what was fitted is the
same to the last byte. The stages' own digests are compared, so nothing has to be trusted but equality.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assay
from assay.pipeline import RunResult

FITTED_ON_TRAIN = ("preprocess",)
FITTED_WITHOUT_TEST = ("preprocess", "encode", "train", "predict-valid", "calibrate")


def disturbed(table: pa.Table, where: str, seed: int) -> pa.Table:
    """`table` with every feature of the rows of one fold replaced: other values, new levels, nulls, huge numbers."""
    draw = random.Random(seed)
    marks = table["split"].to_pylist()
    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = table[name].to_pylist()
        if name not in ("split", "income"):
            text = pa.types.is_large_string(table.schema.field(name).type)
            values = [_other(text, draw) if mark == where else value for value, mark in zip(values, marks, strict=True)]
        if name == "income":
            values = [
                draw.choice(["<=50K", ">50K"]) if mark == where else value
                for value, mark in zip(values, marks, strict=True)
            ]
        columns[name] = pa.array(values, table.schema.field(name).type)
    return pa.table(columns)


def _other(text: bool, draw: random.Random) -> Any:
    if draw.random() < 0.2:
        return None
    return draw.choice(["never seen", "x", "", "Private"] if text else [-(10**9), 0, 7, 10**9])


def digests(result: RunResult, stages: tuple[str, ...]) -> dict[str, str]:
    """What each stage fitted. A model counts by what it computes; its seconds differ from run to run."""
    found = {stage.name: stage.digest for stage in result.stages if stage.name in stages}
    return found | ({"train": result.model.sha256} if "train" in stages else {})


def run(spec_path: Path, home: Path, **changes: Any) -> RunResult:
    spec = assay.load_spec(spec_path, [f"{key}={value}" for key, value in changes.items()])
    return assay.run(spec, home=home)


@pytest.fixture
def with_valid(small_adult: pa.Table) -> pa.Table:
    """Small Adult with a valid mark of its own: every fifth train row."""
    marks = [
        "valid" if mark == "train" and n % 5 == 0 else mark for n, mark in enumerate(small_adult["split"].to_pylist())
    ]
    return small_adult.set_column(small_adult.column_names.index("split"), "split", pa.array(marks))


@pytest.mark.parametrize("seed", range(3))
def test_other_test_rows_change_nothing_that_is_fitted(
    seed: int, home: Path, spec_path: Path, small_adult: pa.Table
) -> None:
    before = run(spec_path, home)
    pq.write_table(disturbed(small_adult, "test", seed), spec_path.parent / "small.parquet")
    spec_path.write_text(
        spec_path.read_text().replace(
            "    - {type: between, column: age, min: 16, max: 100}\n", "    - {type: row_count, min: 1}\n"
        )
    )
    after = run(spec_path, home)
    assert before.snapshot.table.sha256 != after.snapshot.table.sha256
    assert digests(before, FITTED_WITHOUT_TEST) == digests(after, FITTED_WITHOUT_TEST)
    assert before.calibration == after.calibration


def test_other_valid_rows_do_not_change_the_preprocessing(home: Path, spec_path: Path, with_valid: pa.Table) -> None:
    text = spec_path.read_text().replace("valid_frac: 0.2", "valid: valid").replace("min: 16, max: 100", "min: -1.0e12")
    spec_path.write_text(text)
    pq.write_table(with_valid, spec_path.parent / "small.parquet")
    before = run(spec_path, home)
    pq.write_table(disturbed(with_valid, "valid", 1), spec_path.parent / "small.parquet")
    after = run(spec_path, home)
    assert digests(before, FITTED_ON_TRAIN) == digests(after, FITTED_ON_TRAIN)
    assert before.model.sha256 != after.model.sha256 or before.calibration != after.calibration


def test_files_that_were_split_before_leak_no_more_than_a_column(
    home: Path, spec_path: Path, small_adult: pa.Table
) -> None:
    text = spec_path.read_text().replace("path: small.parquet", "path: {train: train.parquet, test: test.parquet}")
    text = text.replace(
        "{by: column, column: split, train: train, test: test, valid_frac: 0.2}", "{by: files, valid_frac: 0.2}"
    )
    text = text.replace("exclude: [fnlwgt]", "exclude: [fnlwgt, split]").replace("min: 16, max: 100", "min: -1.0e12")
    spec_path.write_text(text)
    write_files(spec_path.parent, small_adult)
    before = run(spec_path, home)
    write_files(spec_path.parent, disturbed(small_adult, "test", 2))
    after = run(spec_path, home)
    assert digests(before, FITTED_WITHOUT_TEST) == digests(after, FITTED_WITHOUT_TEST)
    assert before.evaluation != after.evaluation


def write_files(folder: Path, table: pa.Table) -> None:
    for fold in ("train", "test"):
        pq.write_table(table.filter(pa.compute.equal(table["split"], fold)), folder / f"{fold}.parquet")

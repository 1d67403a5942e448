"""Bad input ends in one clear message and exit code 4: no traceback, nothing half-written, and the next run works."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.cli import main

Break = Callable[[Path, pa.Table], str | None]


def replace_spec(folder: Path, old: str, new: str) -> None:
    path = folder / "small.yaml"
    path.write_text(path.read_text().replace(old, new))


def use_csv(folder: Path, data: bytes) -> None:
    (folder / "small.csv").write_bytes(data)
    replace_spec(folder, "small.parquet", "small.csv")


def unknown_key(folder: Path, table: pa.Table) -> None:
    replace_spec(folder, "training:", "trainng:")


def wrong_type(folder: Path, table: pa.Table) -> None:
    replace_spec(folder, "epochs: 3", "epochs: many")


def unknown_option_of_a_family(folder: Path, table: pa.Table) -> None:
    replace_spec(folder, "family: linear", "family: linear, depht: 2")


def missing_file(folder: Path, table: pa.Table) -> None:
    (folder / "small.parquet").unlink()


def empty_file(folder: Path, table: pa.Table) -> None:
    (folder / "small.parquet").write_bytes(b"")


def empty_csv(folder: Path, table: pa.Table) -> None:
    use_csv(folder, b"")


def truncated_parquet(folder: Path, table: pa.Table) -> None:
    data = (folder / "small.parquet").read_bytes()
    (folder / "small.parquet").write_bytes(data[: len(data) // 2])


def one_class(folder: Path, table: pa.Table) -> None:
    write(folder, table, "income", pa.array(["<=50K"] * table.num_rows))


def null_target(folder: Path, table: pa.Table) -> None:
    write(folder, table, "income", pa.nulls(table.num_rows, pa.string()))


def infinities(folder: Path, table: pa.Table) -> None:
    age = np.asarray(table["age"].to_numpy(), dtype=float)
    age[3] = np.inf
    write(folder, table, "age", pa.array(age))


def duplicated_columns(folder: Path, table: pa.Table) -> None:
    use_csv(folder, b"age,age,income,sex,split\n1,2,<=50K,Male,train\n")


def a_cell_of_ten_million_characters(folder: Path, table: pa.Table) -> None:
    sex = table["sex"].to_pylist()
    sex[5] = "x" * 10_000_000
    write(folder, table, "sex", pa.array(sex))


def bytes_that_are_not_utf8(folder: Path, table: pa.Table) -> None:
    use_csv(folder, b"age,income,sex,split\n30,<=50K,M\xff\xfele,train\n")


def a_yaml_bomb(folder: Path, table: pa.Table) -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{new}: &{new} [{','.join(['*' + old] * 9)}]" for old, new in pairwise("abcdefghi")]
    (folder / "small.yaml").write_text("\n".join(lines))


def a_python_tag(folder: Path, table: pa.Table) -> None:
    (folder / "small.yaml").write_text(f'a: !!python/object/apply:os.system ["touch {folder}/owned"]\n')


def an_unknown_level_in_the_split_column(folder: Path, table: pa.Table) -> None:
    write(folder, table, "split", pa.array(["train", "test", "holdout"] * table.num_rows)[: table.num_rows])


def a_failed_expectation(folder: Path, table: pa.Table) -> None:
    replace_spec(folder, "min: 16", "min: 30")


def a_missing_target(folder: Path, table: pa.Table) -> None:
    replace_spec(folder, "column: income", "column: incme")


def write(folder: Path, table: pa.Table, name: str, column: pa.Array) -> None:
    pq.write_table(table.set_column(table.column_names.index(name), name, column), folder / "small.parquet")


CASES: list[tuple[Break, tuple[str, ...]]] = [
    (unknown_key, ("small.yaml:12", "trainng", "Did you mean 'training'")),
    (wrong_type, ("small.yaml:12", "training.epochs", "'many'", "whole number")),
    (unknown_option_of_a_family, ("small.yaml:11", "depht")),
    (missing_file, ("small.parquet",)),
    (empty_file, ("small.parquet", "empty")),
    (empty_csv, ("small.csv", "empty")),
    (truncated_parquet, ("small.parquet",)),
    (one_class, ("income", "one class")),
    (null_target, ("income", "null")),
    (infinities, ("age", "infinit")),
    (duplicated_columns, ("age", "twice")),
    (a_cell_of_ten_million_characters, ("sex", "10,000,000")),
    (bytes_that_are_not_utf8, ("small.csv", "UTF-8")),
    (a_yaml_bomb, ("small.yaml:1", "anchor or alias")),
    (a_python_tag, ("small.yaml:1", "tag")),
    (an_unknown_level_in_the_split_column, ("split", "holdout")),
    (a_failed_expectation, ("age", "between", "30")),
    (a_missing_target, ("incme", "Did you mean 'income'")),
]


@pytest.mark.parametrize(("break_it", "expected"), CASES, ids=[case[0].__name__ for case in CASES])
def test_bad_input_is_one_clear_message(
    break_it: Break,
    expected: tuple[str, ...],
    home: Path,
    spec_path: Path,
    small_adult: pa.Table,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good_spec, good_data = spec_path.read_text(), (spec_path.parent / "small.parquet").read_bytes()
    break_it(spec_path.parent, small_adult)

    assert main(["run", str(spec_path), "--orchestrator", "none"]) == 4
    printed = capsys.readouterr()
    message = printed.out + printed.err
    assert "Traceback" not in message
    for word in expected:
        assert word.lower() in message.lower()
    assert len(message) < 6000
    assert not (spec_path.parent / "owned").exists()
    assert list(home.rglob("tmp/*")) == []
    assert not list((home / "commits").glob("train/*"))

    spec_path.write_text(good_spec.replace("linear", "constant"))
    (spec_path.parent / "small.parquet").write_bytes(good_data)
    assert main(["run", str(spec_path), "--orchestrator", "none"]) == 0

"""Scoring a table: every row once, whoever is killed, and to the numbers of the web application."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from assay import serving
from assay.errors import DataError, RegistryError
from tests.serving.conftest import Registered, TestClient

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


@pytest.fixture
def data(tmp_path: Path, registered: Registered) -> Path:
    """1,000 rows of Adult, of which every 100th is out of contract."""
    table = registered.trained.table.slice(0, 1000).drop_columns("income")
    age = table["age"].to_numpy().copy()
    age[::100] = 7
    table = table.set_column(0, "age", pa.array(age)).append_column("id", pa.array([f"p{i}" for i in range(1000)]))
    pq.write_table(table, tmp_path / "data.parquet", row_group_size=333)
    return tmp_path / "data.parquet"


def score(registered: Registered, data: Path, out: Path, reference: str = "adult@champion", **options: Any) -> Any:
    return serving.score(reference, data, out, registered.where, **({"rows_per_part": 300, "keep": ("id",)} | options))


def read(out: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(out.glob("part-*.parquet")))


def test_every_row_has_one_answer_to_the_numbers_of_the_web_application(
    registered: Registered, data: Path, tmp_path: Path
) -> None:
    scored = score(registered, data, tmp_path / "out")
    assert (scored.n_rows, scored.n_refused, scored.n_parts, scored.version) == (1000, 10, 4, 1)
    found = read(tmp_path / "out")
    assert found["row"].to_pylist() == list(range(1000))
    assert found["id"].to_pylist() == [f"p{i}" for i in range(1000)]
    rows = pq.read_table(data).drop_columns("id").to_pylist()
    with TestClient(registered.app()) as client:
        answers = client.post("/predict", json={"rows": rows}).json()["predictions"]
    assert [[why] if why else None for why in found["refused"].to_pylist()] == [a.get("refused") for a in answers]
    assert found["prediction"].to_pylist() == [answer.get("prediction") for answer in answers]
    online = [answer["probabilities"][">50K"] if "prediction" in answer else np.nan for answer in answers]
    np.testing.assert_allclose(found["p_>50K"].to_numpy(), online, atol=1e-6)


def test_csv_and_a_folder_of_files_give_the_same(registered: Registered, data: Path, tmp_path: Path) -> None:
    score(registered, data, tmp_path / "whole")
    table = pq.read_table(data)
    (tmp_path / "many").mkdir()
    for number in range(4):
        pyarrow.csv.write_csv(table.slice(number * 250, 250), tmp_path / "many" / f"{number}.csv")
    score(registered, tmp_path / "many", tmp_path / "out")
    assert read(tmp_path / "out").equals(read(tmp_path / "whole"))


SLOW = """
import sys, time
from pathlib import Path
from assay import serving
from assay.store import Store
uri, home, store, data, out = sys.argv[1:]
where = serving.Where(uri=uri, home=Path(home), store=Store(Path(store)))
serving.score("adult@champion", Path(data), Path(out), where, keep=("id",), rows_per_part=100,
    told=lambda n: time.sleep(0.4))
"""


def test_killed_twice_and_resumed_it_answers_every_row_once(registered: Registered, data: Path, tmp_path: Path) -> None:
    out, where = tmp_path / "out", registered.where
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        SLOW,
        where.uri,
        str(where.home),
        str(where.store.root),
        str(data),
        str(out),
    ]
    n_before = 0
    for _ in range(2):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as child:
            deadline = time.monotonic() + 60
            while len(list(out.glob("part-*.parquet"))) < n_before + 2:
                assert child.poll() is None, child.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
        n_before = len(list(out.glob("part-*.parquet")))
    assert 4 <= n_before < 10
    registered.promote(2)  # what goes on is what was begun
    scored = score(registered, data, out, rows_per_part=100)
    assert (scored.version, scored.n_reused, scored.n_parts) == (1, n_before, 10)
    score(registered, data, tmp_path / "undisturbed", "adult/1", rows_per_part=100)
    assert read(out).equals(read(tmp_path / "undisturbed"))


def test_other_data_or_options_do_not_go_into_the_same_folder(
    registered: Registered, data: Path, tmp_path: Path
) -> None:
    score(registered, data, tmp_path / "out")
    with pytest.raises(DataError, match="other rows_per_part"):
        score(registered, data, tmp_path / "out", rows_per_part=10)
    pq.write_table(pq.read_table(data).slice(1), data)
    with pytest.raises(DataError, match="other data"):
        score(registered, data, tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"something else: 'mine\.txt'"):
        score(registered, data, tmp_path / "full")


def test_a_missing_column_or_file_or_model_is_named(registered: Registered, data: Path, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(data).drop_columns("sex"), tmp_path / "less.parquet")
    with pytest.raises(DataError, match="no column 'sex'"):
        score(registered, tmp_path / "less.parquet", tmp_path / "out1")
    with pytest.raises(DataError, match="no such file"):
        score(registered, tmp_path / "nothing.parquet", tmp_path / "out2")
    with pytest.raises(RegistryError, match="no alias 'best'"):
        score(registered, data, tmp_path / "out3", "adult@best")

"""`init`: a first spec that a person can read and that runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from assay.cli import main
from assay.spec.loading import check, load_spec


@pytest.fixture(params=["csv", "parquet"])
def data(request: pytest.FixtureRequest, tmp_path: Path, small_adult: pa.Table) -> Path:
    path = tmp_path / f"my adults.{request.param}"
    if request.param == "csv":
        pa.csv.write_csv(small_adult, path)
    else:
        pq.write_table(small_adult, path)
    return path


@pytest.mark.usefixtures("home")
def test_the_spec_has_no_mistakes_and_says_what_was_seen(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    assert main(["init", str(data)]) == 0
    written = data.with_suffix(".yaml")
    assert check(written) == []
    spec = load_spec(written)
    assert (spec.name, spec.task, spec.target.column, spec.target.positive) == (
        "my-adults", "classification", "income", ">50K",
    )  # fmt: skip
    assert "#   age " in written.read_text()


@pytest.mark.usefixtures("home")
def test_the_spec_runs_from_another_folder(data: Path, tmp_path: Path) -> None:
    written = tmp_path / "specs" / "first.yaml"
    written.parent.mkdir()
    assert main(["init", str(data), "-o", str(written)]) == 0
    assert main(["run", str(written), "--orchestrator", "none", "--set", "model.family=constant"]) == 0


@pytest.mark.usefixtures("home")
def test_a_spec_that_is_there_is_not_overwritten(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    data.with_suffix(".yaml").write_text("mine")
    assert main(["init", str(data)]) == 4
    assert "-o FILE" in capsys.readouterr().err
    assert data.with_suffix(".yaml").read_text() == "mine"


@pytest.mark.usefixtures("home")
def test_no_data_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "none.csv")]) == 4
    assert "none.csv" in capsys.readouterr().err
    assert list(tmp_path.glob("*.yaml")) == []


@pytest.mark.usefixtures("home")
def test_rows_with_a_time_are_split_by_it_and_what_nearly_tells_the_target_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(400).astype("timedelta64[h]")
    hours = hours.astype("datetime64[ms]")
    leaving = rng.normal(size=400)
    columns = {"hour": hours, "noise": rng.normal(size=400), "leaving": leaving}
    table = pa.table(columns | {"delay": leaving + 0.1 * rng.normal(size=400)})
    pq.write_table(table, tmp_path / "flights.parquet")
    written = tmp_path / "first.yaml"
    assert main(["init", str(tmp_path / "flights.parquet"), "-o", str(written)]) == 0
    spec, text = load_spec(written), written.read_text()
    assert check(written) == []
    assert (spec.split.by, spec.split.options) == ("time", {"column": "hour"})
    assert "'leaving' nearly tells the target (correlation +1.00)" in text
    assert "'noise' nearly tells" not in text

"""`init`: a first spec that a person can read and that runs."""

from __future__ import annotations

from pathlib import Path

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
def test_the_spec_has_no_mistakes_and_says_what_was_seen(data: Path) -> None:
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
def test_a_spec_that_is_there_is_not_overwritten(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.with_suffix(".yaml").write_text("mine")
    assert main(["init", str(data)]) == 4
    assert "-o FILE" in capsys.readouterr().err
    assert data.with_suffix(".yaml").read_text() == "mine"


@pytest.mark.usefixtures("home")
def test_no_data_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "none.csv")]) == 4
    assert "none.csv" in capsys.readouterr().err
    assert list(tmp_path.glob("*.yaml")) == []

"""`export`, of a model that was really trained."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from assay.cli import main


@pytest.mark.usefixtures("home")
def test_a_version_and_its_run_give_the_same_network(
    spec_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(spec_path), "--orchestrator", "none", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["run_id"]
    by_alias, by_run = tmp_path / "alias.onnx", tmp_path / "run.onnx"
    assert main(["export", "small@champion", "--onnx", str(by_alias), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["properties"]
    assert told == {each.key: each.value for each in onnx.load(by_alias).metadata_props}
    assert told["assay.model"] == "small/1"
    assert main(["export", run, "--onnx", str(by_run)]) == 0
    assert "The preprocessing is not in the graph" in capsys.readouterr().out
    assert onnx.load(by_run).graph == onnx.load(by_alias).graph
    assert main(["export", "no-such-run", "--onnx", str(by_run)]) == 4
    assert "There is no run 'no-such-run'" in capsys.readouterr().err

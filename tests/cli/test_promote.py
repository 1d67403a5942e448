"""`promote`, `rollback` and `history`, on two models that were really trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.cli import main

RUN = ("--set", "model.family=constant", "--orchestrator", "none")


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> tuple[int, dict[str, Any]]:
        code = main([*words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


@pytest.mark.usefixtures("home")
def test_a_model_is_promoted_rolled_back_and_remembered(spec_path: Path, answer: Any, capsys: Any) -> None:
    assert answer("run", str(spec_path), *RUN)[0] == 0
    refused = ("--set", "gates.0.at_least=0.99", "--set", "preprocessing.numeric.scale=standard")
    assert answer("run", str(spec_path), *RUN, *refused)[0] == 2
    code, said = answer("promote", "small", "2")
    assert (code, said["error"]["kind"]) == (4, "RegistryError")
    assert "--waive" in said["error"]["message"]
    code, record = answer("promote", "small", "2", "--waive", "a trial", "--by", "ann")
    assert (code, record["version"], record["from_version"], record["waiver"]) == (0, 2, 1, "a trial")
    assert answer("rollback", "small", "--reason", "it was")[1]["version"] == 1
    code, found = answer("history", "small")
    assert [record["action"] for record in found["records"]] == ["promote", "promote", "rollback"]
    assert found["held"]["champion"]["version"] == 1
    _, then = answer("history", "small", "--at", "2020-01-01")
    assert (then["records"], then["held"]["champion"]["version"]) == ([], 0)
    assert main(["history", "small"]) == 0
    assert "waived: a trial" in capsys.readouterr().out
    assert answer("history", "small", "--at", "soon")[0] == 4


@pytest.mark.usefixtures("home")
def test_a_spec_may_ask_for_a_second_person(spec_path: Path, answer: Any) -> None:
    code, result = answer("run", str(spec_path), *RUN, "--set", "registry.sign_off=true")
    assert (code, result["registered"]["holds_alias"]) == (0, False)
    assert answer("promote", "small", "1", "--by", "bob")[1]["proposed_by"]
    assert answer("history", "small")[1]["held"]["champion"]["version"] == 1

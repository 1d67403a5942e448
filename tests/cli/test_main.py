"""Exit codes, errors and JSON: what holds for every command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from assay.cli import app, main

TOP = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS = sorted(
    f"{name} {under}".strip() for name, one in TOP.items() for under in (getattr(one, "commands", None) or [""])
)
HEAVY = ("torch", "ray", "mlflow", "prefect", "great_expectations", "pandas", "sklearn", "pyarrow", "numpy", "pydantic")


@pytest.mark.usefixtures("home")
def test_help_imports_nothing_but_typer_and_rich() -> None:
    code = (
        f"import sys; from assay.cli import main; main(['--help']); print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "run" in done.stdout


def test_every_command_that_was_promised_is_there() -> None:
    promised = (
        "run search plan check schema init up down status runs logs cancel gc models gates sources doctor sync version "
        "promote rollback history serve predict schedule watch compare export"
    )
    of_audits = ["audit data", "audit export", "audit show", "audit verify"]
    assert sorted([*promised.split(), *of_audits]) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_can_answer_in_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert "--json" in told
    assert "--debug" in told


@pytest.mark.parametrize(
    "words",
    [["runn"], ["run"], ["run", "a.yaml", "--orchestrator", "airflow"], ["run", "a.yaml", "--colour"], ["logs"]],
)
def test_a_usage_error_ends_with_4_not_2_and_says_so_in_json(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error ")
    assert main([*words, "--json"]) == 4
    told = capsys.readouterr()
    error = json.loads(told.out)["error"]
    assert error["kind"] == "UsageError"
    assert error["message"]


@pytest.mark.usefixtures("home")
def test_a_wrong_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    main(["modls"])
    assert "models" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
def test_a_missing_spec_is_one_message_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.yaml")]) == 4
    told = capsys.readouterr().err
    assert "none.yaml" in told
    assert "Traceback" not in told


@pytest.mark.usefixtures("home")
def test_debug_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    code = "from assay.cli import main; main(['plan', 'none.yaml', '--debug'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert "SpecError" in done.stderr


@pytest.mark.usefixtures("home")
def test_all_mistakes_of_a_spec_are_in_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "bad.yaml"
    spec.write_text("version: 1\nname: x\ntask: clasification\ndata: {path: a.csv}\ntarget: {colum: y}\n")
    assert main(["run", str(spec), "--json"]) == 4
    found = json.loads(capsys.readouterr().out)["error"]["mistakes"]
    assert {mistake["where"].split()[0].rstrip(":") for mistake in found} == {"bad.yaml:3", "bad.yaml:5"}
    assert main(["check", str(spec), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["mistakes"] == found


@pytest.mark.usefixtures("home")
def test_prefect_asked_for_in_vain_is_an_error(spec_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(spec_path), "--orchestrator", "prefect"]) == 4
    assert "assay up" in capsys.readouterr().err

"""What the README shows is true: its spec is good, its Python runs, its commands are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.cli import main
from assay.spec import loading

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.S)
    assert found is not None
    return found.group(1)


def test_the_spec_has_no_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(block("yaml"))
    assert loading.check(path) == []


def test_the_python_runs(home: Path, spec_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = block("python").replace("examples/adult/adult.yaml", str(spec_path))
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own README
    assert capsys.readouterr().out.startswith("promoted 1 of 1 gates passed.")


def test_every_command_that_is_named_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(r"^\| (`[^|]*`) \|", README, re.M)
    commands = {word for row in rows for word in re.findall(r"`(?:assay )?(\w+)", row)}
    assert len(commands) > 12
    assert {command for command in commands if not re.search(rf"\b{command}\b", shown)} == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/*.yaml")), ids=lambda path: path.stem)
def test_every_example_has_no_mistakes(path: Path) -> None:
    assert loading.check(path) == []


def test_the_pictures_are_there() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]*)\)", README):
        assert (ROOT / path).is_file(), path

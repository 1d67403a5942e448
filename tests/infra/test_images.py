"""The image, looked at by linters and by doing what needs no engine."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "infra/docker/Dockerfile"
TOOLS = Path(sys.executable).parent
SCRIPTS = sorted([*ROOT.glob("infra/*.sh"), *ROOT.glob("helm/assay/files/*.sh")])


def instructions() -> list[tuple[str, str]]:
    """Each instruction and what follows it, lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_linter_of_images_finds_nothing() -> None:
    command = [TOOLS / "hadolint", "--failure-threshold", "info", DOCKERFILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_linter_of_scripts_finds_nothing(script: Path) -> None:
    done = subprocess.run([TOOLS / "shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last words of what `cpu` is, and `gpu` adds only variables."""
    users = [rest for word, rest in instructions() if word == "USER"]
    assert users == ["10001:10001"]
    after = instructions()[[word for word, _ in instructions()].index("USER") + 1 :]
    assert {word for word, _ in after} == {"CMD", "FROM", "ENV"}


def test_every_stage_starts_from_a_version() -> None:
    [base] = [rest.split("=", 1)[1] for word, rest in instructions() if word == "ARG" and rest.startswith("BASE=")]
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-[\w.-]+", base)
    stages = [rest.split() for word, rest in instructions() if word == "FROM"]
    assert [(stage[0], stage[2]) for stage in stages] == [("${BASE}", "build"), ("${BASE}", "cpu"), ("cpu", "gpu")]


def test_the_same_torch_is_in_the_lock_in_the_project_and_in_the_image() -> None:
    [torch] = re.findall(r"torch==[\d.]+", DOCKERFILE.read_text())
    assert torch in (ROOT / "constraints.txt").read_text().splitlines()
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert torch in said["project"]["optional-dependencies"]["train"]


def test_all_that_is_installed_is_installed_from_the_lock() -> None:
    runs = "&&".join(rest for word, rest in instructions() if word == "RUN")
    installs = [part for part in runs.split("&&") if "pip install" in part]
    assert len(installs) == 3
    assert all("-c constraints.txt" in each for each in installs)


def test_what_is_copied_is_there_and_is_sent_to_the_engine() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(source == each or fnmatch.fnmatch(source, f"{each}/*") for each in kept), source


def test_no_credential_goes_into_the_image() -> None:
    for word, rest in instructions():
        if word in ("ARG", "ENV"):
            assert not re.search(r"(?i)password|secret|(?<!AUTH_)token=|api_?key", rest), rest
    assert not any(word == "ADD" for word, _ in instructions())


def pin(line: str) -> tuple[str, str]:
    """A package and its version, without the mark of a wheel that was built for one kind of machine."""
    name, version = line.strip().split("==")
    return canonicalize_name(name), version.partition("+")[0]


def locked() -> set[tuple[str, str]]:
    return {pin(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line} | {
        pin(each) for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_steps_of_the_build_stage_make_an_environment_that_runs(tmp_path: Path) -> None:
    """Each step that needs no engine, as it stands there, in a folder instead of a layer."""
    venv, source = tmp_path / "venv", tmp_path / "src"
    source.mkdir()
    environment = os.environ | {"PATH": f"{venv}/bin:{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"}
    environment = {key: value for key, value in environment.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    stages = 0
    for word, rest in instructions():
        stages += word == "FROM"
        if stages != 1:
            continue
        here = rest.replace("/opt/assay/venv", str(venv))
        if word == "COPY":
            *sources, target = here.split()
            for each in sources:
                goal = source / (each if target in ("./", each) else target)
                goal.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-r", ROOT / each, goal], check=True)
        elif word == "RUN":
            subprocess.run(["bash", "-o", "pipefail", "-ec", here], cwd=source, env=environment, check=True)
    frozen = subprocess.run([venv / "bin/pip", "freeze"], env=environment, capture_output=True, text=True, check=True)
    assert not {pin(line) for line in frozen.stdout.splitlines() if "==" in line} - locked()
    done = subprocess.run([venv / "bin/assay", "gates", "--json"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("ray --version", "mlflow --version", "prefect version", "mlflow server --help"):
        subprocess.run(f"{venv}/bin/{command}", shell=True, env=environment, check=True, stdout=subprocess.DEVNULL)

"""Checkov's opinion. It wants other versions than ours, so `make chart` gives it an environment of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.helm.rendered import MATRIX, whole

ROOT = Path(__file__).parents[2]
CHECKOV = ROOT / ".venv-checkov/bin/checkov"


def checked(objects: list[object], path: Path) -> subprocess.CompletedProcess[str]:
    path.write_text(yaml.safe_dump_all(objects))
    command = [CHECKOV, "--config-file", ROOT / "helm/checkov.yaml", "--file", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["trial", "production", "everything-ours"])
def test_checkov_finds_nothing_that_is_not_on_the_list(name: str, tmp_path: Path) -> None:
    if not CHECKOV.exists():
        pytest.skip("checkov is not installed beside this environment: make chart")
    done = checked(list(whole(MATRIX[name])), tmp_path / "rendered.yaml")
    assert done.returncode == 0, done.stdout
    if name != "trial":
        return
    broken = whole(MATRIX[name])  # its settings are read, and it does find what is there
    [server] = [
        each for each in broken if each["kind"] == "Deployment" and each["metadata"]["name"].endswith("-mlflow")
    ]
    server["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = True
    assert checked(list(broken), tmp_path / "broken.yaml").returncode != 0

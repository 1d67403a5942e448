"""What a run was made with: the versions that its numbers depend on."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import assay

PACKAGES = ("torch", "ray", "mlflow", "prefect", "great-expectations", "numpy", "pyarrow", "pandas", "scikit-learn")


def environment() -> dict[str, str]:
    """Name to version, of assay, Python, the system and the packages behind the numbers."""
    found = {"assay": assay.__version__, "python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit_of(folder: Path) -> str:
    """The git commit that `folder` stands at, with a `+` when tracked files have changed since; empty without git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()

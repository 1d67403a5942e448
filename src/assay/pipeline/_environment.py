"""What a run was made with: the versions that its numbers depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

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

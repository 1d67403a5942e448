"""An MLflow in a database of its own, for every test."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from assay import registry
from tests.registry.example import Registry


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's schema, made once: that takes longer than everything else."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with warnings.catch_warnings(action="ignore"):
        registry.connect(f"sqlite:///{path}", path.parent)
    return path


@pytest.fixture
def mlflow(tmp_path: Path, empty_database: Path) -> Registry:
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    shutil.copyfile(empty_database, home / "mlflow" / "mlflow.db")
    return Registry(home, f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")

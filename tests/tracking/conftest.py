"""A home folder whose MLflow database has its schema already: making it takes longer than most tests."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from assay import registry, tracking


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mlflow")
    with warnings.catch_warnings(action="ignore"):
        registry.connect(tracking.local_uri(home), home)
    return home / "mlflow" / "mlflow.db"


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Path:
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    shutil.copyfile(empty_database, home / "mlflow" / "mlflow.db")
    return home

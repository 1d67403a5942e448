"""Two trained models of Adult, registered: version 1 is the champion, version 2 was refused."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay import registry, serving
from assay.artifacts import Calibration, Model
from assay.serving import Where
from assay.spec.data import ValidationSpec
from tests.inference.example import Trained, train
from tests.registry.example import promote, refuse

with warnings.catch_warnings(action="ignore"):  # it would rather have a client that is not installed
    from starlette.testclient import TestClient

CONTRACT = ValidationSpec.model_validate(
    {
        "expectations": [
            {"type": "between", "column": "age", "min": 16, "max": 100},
            {"type": "in_set", "column": "sex", "values": ["Female", "Male"]},
            {"type": "not_null", "column": "sex"},
            {"type": "type", "column": "capital_gain", "is": "integer"},
            {"type": "regex", "column": "workclass", "pattern": "^[A-Z]", "severity": "warn"},
            {"type": "row_count", "min": 100},
            {"type": "in_set", "column": "income", "values": ["<=50K", ">50K"]},
        ]
    }
)
ROW = {"age": 39, "workclass": "State-gov", "sex": "Male", "capital_gain": 2174}


@dataclass
class Registered:
    """A registry with two versions of a model called `adult`, and the models in it."""

    where: Where
    trained: Trained

    def register(self, model: Model, decision: Any, threshold: float) -> None:
        client = registry.connect(self.where.uri, self.where.home)
        experiment = client.get_experiment_by_name("spec")
        location = (self.where.home / "artifacts").as_uri()
        found = experiment.experiment_id if experiment else client.create_experiment("spec", location)
        registry.register(
            model,
            Calibration(threshold=threshold),
            decision,
            "adult",
            "champion",
            contract=CONTRACT,
            train_hashes=self.where.store.put_array(np.arange(3, dtype=np.uint64), "train_hashes.npy"),
            run_id=lambda: str(client.create_run(found).info.run_id),
            uri=self.where.uri,
            home=self.where.home,
            store=self.where.store,
        )

    def promote(self, version: int) -> None:
        around = {"uri": self.where.uri, "home": self.where.home, "store": self.where.store}
        registry.promote("adult", version, "champion", waiver="a test", **around)

    def app(self, reference: str = "adult@champion", **options: Any) -> Any:
        return serving.app(reference, self.where, **({"poll_s": 0.1} | options))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, small_adult: pa.Table) -> Trained:
    return train(tmp_path_factory.mktemp("trained"), small_adult, "income", "classification", ("mlp", "linear"))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Registered:
    """For tests that move no alias: making the database takes longer than all else."""
    home = tmp_path_factory.mktemp("registered")
    with warnings.catch_warnings(action="ignore"):
        found = Registered(Where(uri=f"sqlite:///{home / 'mlflow.db'}", home=home, store=trained.store), trained)
        found.register(trained.models["mlp"], promote(), 0.5)
        found.register(trained.models["linear"], refuse(over=1), 0.4)
    return found


@pytest.fixture
def registered(tmp_path: Path, shared: Registered) -> Registered:
    """The same in a database of this test's own; the files are the shared ones."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(shared.where.home / "mlflow.db", home / "mlflow.db")
    return Registered(Where(uri=f"sqlite:///{home / 'mlflow.db'}", home=home, store=shared.where.store), shared.trained)


@pytest.fixture
def client(registered: Registered) -> Iterator[TestClient]:
    with TestClient(registered.app(), raise_server_exceptions=False) as client:
        yield client

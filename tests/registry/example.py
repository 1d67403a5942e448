"""A small trained model, made of real bytes in a real store, and an MLflow in a database of its own."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from assay import registry
from assay.artifacts import (
    Calibration,
    Champion,
    Column,
    Decision,
    GateResult,
    Interval,
    MetricValue,
    Model,
    Preprocessing,
    Registered,
    TargetInfo,
)
from assay.store import Store

INPUTS = (
    Column(name="age", kind="numeric", arrow_type="int64", n_null=0),
    Column(name="hours", kind="numeric", arrow_type="int64", n_null=3),
    Column(name="fare", kind="numeric", arrow_type="double", n_null=0),
    Column(name="job", kind="categorical", arrow_type="string", n_null=0),
    Column(name="since", kind="datetime", arrow_type="timestamp[us]", n_null=0),
    Column(name="member", kind="categorical", arrow_type="bool", n_null=0),
)
ACCURACY = MetricValue(
    name="accuracy",
    fold="test",
    interval=Interval(value=0.87, low=0.86, high=0.88),
    method="wilson",
    greater_is_better=True,
)


@dataclass
class Registry:
    """MLflow's registry in a database, with the surroundings that every call needs."""

    home: Path
    uri: str

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    @property
    def client(self) -> Any:
        return registry.connect(self.uri, self.home)

    def run(self) -> str:
        """A new MLflow run."""
        found = self.client.get_experiment_by_name("spec")
        location = (self.home / "mlflow" / "artifacts" / "spec").as_uri()
        experiment = found.experiment_id if found else self.client.create_experiment("spec", artifact_location=location)
        return str(self.client.create_run(experiment).info.run_id)

    def model(self, seed: int, n_bytes: int = 64) -> Model:
        return make_model(self.store, seed, n_bytes)

    def register(self, model: Model, decision: Decision, **changes: Any) -> Registered:
        run_id = changes.pop("run_id", None)
        given: dict[str, Any] = {
            "train_hashes": self.store.put_array(np.arange(5, dtype=np.uint64), "train_hashes.npy"),
            "metrics": (ACCURACY,),
            "run_id": lambda: run_id or self.run(),
            "uri": self.uri,
            "home": self.home,
            "store": self.store,
        }
        calibration = changes.pop("calibration", Calibration(temperature=1.3, threshold=0.4))
        return registry.register(model, calibration, decision, "adult", "champion", **given | changes)

    def champion(self, excluding: str = "", store: Store | None = None) -> Champion | None:
        return registry.champion(
            "adult", "champion", uri=self.uri, home=self.home, store=store or self.store, excluding=excluding
        )


def make_model(store: Store, seed: int, n_bytes: int = 64) -> Model:
    rng = np.random.default_rng(seed)
    weights = store.put(save({"w": rng.integers(0, 255, n_bytes, dtype=np.uint8)}), "weights.safetensors")
    with store.create("arrays.npz") as draft, open(draft.path, "wb") as file:
        np.savez(file, medians=np.zeros(3))
    prepared = Preprocessing(
        state=store.put(json.dumps({"columns": ["age"]}).encode(), "state.json"),
        arrays=draft.blob,
        knots=store.put_array(np.zeros((3, 4), np.float32), "knots.npy"),
        inputs=INPUTS,
        numeric=("age", "hours", "fare"),
        categorical=(),
        target=TargetInfo(column="income", task="classification", classes=("<=50K", ">50K"), positive=1),
    )
    return Model(
        family="mlp",
        options='{"width":128}',
        weights=weights,
        preprocessing=prepared,
        best_epoch=3,
        epochs=(),
        n_parameters=n_bytes,
        stopped="planned epochs done",
    )


def promote(over: int = 0, reason: str = "Every gate passed.") -> Decision:
    gate = GateResult(gate="min_metric", title="accuracy | test", verdict="PASS", reason="0.87 >= 0.86", value=0.87)
    return Decision(outcome="promote", gates=(gate,), reason=reason, champion_version=over)


def refuse(over: int = 0, reason: str = "The parity gate failed.") -> Decision:
    return dataclasses.replace(promote(over, reason), outcome="refuse")

"""A Prefect API and an MLflow of these tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assay_flows
from assay import local
from assay_flows import Trained

Ask = Callable[..., Any]
SPEC = """\
version: 1
name: first_run
task: classification
data: {path: small.parquet}
target: {column: income, positive: ">50K"}
split: {by: column, column: split, train: train, test: test, valid_frac: 0.2}
model: {family: linear}
training: {epochs: 3, batch_size: 256, lr: 0.01}
audit: {sensitive: [sex]}
gates:
  - {gate: min_metric, metric: accuracy, at_least: 0.6}
"""


@dataclass(frozen=True)
class First:
    spec: Path
    trained: Trained


def drain() -> None:
    """Let this process's Prefect say all that it has to say, while there is somebody who hears it."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=20, at_exit=False)


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("servers")
    local.up(home)
    yield home
    drain()
    local.down(home)


@pytest.fixture(scope="session")
def first(servers_home: Path, small_adult: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> First:
    """A run that all tests may look at: promoted, every stage run."""
    folder = tmp_path_factory.mktemp("first")
    pq.write_table(small_adult, folder / "small.parquet")
    spec = folder / "first.yaml"
    spec.write_text(SPEC)
    api = local.find_api(servers_home)
    assert api is not None
    return First(spec, assay_flows.run_training(spec, api=api, home=servers_home))


@pytest.fixture
def home(servers_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder that these servers belong to, in place of one for each test."""
    monkeypatch.setenv("ASSAY_HOME", str(servers_home))
    monkeypatch.setenv("PREFECT_HOME", str(servers_home / "prefect"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return servers_home


@pytest.fixture
def ask(home: Path) -> Ask:
    """Asks Prefect's API for a list of what it knows: `ask("flow_runs", flow_runs={...})`."""

    def call(what: str, **body: Any) -> Any:
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_API_URL, temporary_settings

        api = local.find_api(home)
        with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
            return client.request("POST", f"/{what}/filter", json=body).json()  # type: ignore[arg-type]

    return call

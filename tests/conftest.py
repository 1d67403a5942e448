"""What every test may use: a small real table with a spec beside it, and a command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

from assay.artifacts import sha256_of

KEYS = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "a-secret"}
EXAMPLES = Path(__file__).parent.parent / "examples"
SPEC = """\
version: 1
name: small
task: classification
data: {path: small.parquet}
target: {column: income, positive: ">50K"}
features: {exclude: [fnlwgt]}
split: {by: column, column: split, train: train, test: test, valid_frac: 0.2}
validation:
  expectations:
    - {type: between, column: age, min: 16, max: 100}
model: {family: linear}
training: {epochs: 3, batch_size: 256, lr: 0.01}
audit: {sensitive: [sex]}
gates:
  - {gate: min_metric, metric: accuracy, at_least: 0.6}
"""


settings.register_profile("assay", deadline=None)  # a busy machine is no bug
settings.load_profile("assay")
os.environ.pop("COLUMNS", None)  # tests that run side by side are given a width, which commands would obey


@pytest.fixture(scope="session")
def adult() -> pa.Table:
    """UCI Adult, whole."""
    return pq.read_table(EXAMPLES / "adult/adult.parquet")


@pytest.fixture(scope="session")
def small_adult(adult: pa.Table) -> pa.Table:
    """Every 16th row of Adult, the target included: 3,053 rows, both folds, both classes."""
    return adult.take(list(range(0, adult.num_rows, 16)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("ASSAY_HOME", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return folder


@pytest.fixture
def spec_path(tmp_path: Path, small_adult: pa.Table) -> Path:
    """A spec that runs in a second, with its data beside it."""
    pq.write_table(small_adult, tmp_path / "small.parquet")
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return path


Assay = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def assay(home: Path) -> Assay:
    """Runs `assay ARGS` in a process of its own, with this test's state folder."""

    def call(*args: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("assay")), *args]
        env = os.environ | {"ASSAY_HOME": str(home), "NO_COLOR": "1"}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)

    return call


@pytest.fixture
def assay_json(assay: Assay) -> Callable[..., dict[str, Any]]:
    """Runs `assay ARGS --json` and returns the object that it prints."""

    def call(*args: str) -> dict[str, Any]:
        result = assay(*args, "--json")
        data: dict[str, Any] = json.loads(result.stdout)
        return data | {"exit_code": result.returncode}

    return call


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The query that leads an `s3://` URI to a server of our own on loopback."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    server.stop()


@pytest.fixture
def bucket(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty bucket, with its keys in the environment."""
    from pyarrow import fs

    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    name = f"bucket-{sha256_of(str(tmp_path))[:12]}"
    fs.FileSystem.from_uri(f"s3://?{s3}&allow_bucket_creation=true")[0].create_dir(name)
    return f"s3://{name}/assay?{s3}"

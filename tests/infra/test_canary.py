"""Secrets that are easy to recognise go into a run by every door; afterwards no file and no word has one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from tests.conftest import SPEC

CANARY = "canary5w1ft"
VARIABLES = (
    "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "RAY_AUTH_TOKEN", "PREFECT_API_AUTH_STRING", "ASSAY_API_KEYS",
    "PGPASSWORD", "DATABASE_PASSWORD",
)  # fmt: skip


@pytest.fixture
def bucket(small_adult: pa.Table) -> Iterator[str]:
    """The address of the small table on an S3 API of our own, key and secret in it, as Arrow reads one."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    where = f"scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    secret = f"{CANARY}-in-the-address"
    system, _ = fs.FileSystem.from_uri(f"s3://a-key:{secret}@?{where}&allow_bucket_creation=true")
    system.create_dir("people")
    pq.write_table(small_adult, "people/small.parquet", filesystem=system)
    yield f"s3://a-key:{secret}@people/small.parquet?{where}"
    server.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name: Ray puts sockets in there, whose paths may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        yield Path(name)


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_secret_stays_where_it_was_given(ends: str, bucket: str, folder: Path) -> None:
    address = bucket if ends == "well" else bucket.replace("small.parquet", "lost.parquet")
    (folder / "spec").mkdir()
    spec = folder / "spec/small.yaml"
    spec.write_text(SPEC.replace("small.parquet", f'"{address}"'))
    secrets = {name: f"{CANARY}-{name.lower()}" for name in VARIABLES}
    home = folder / "home"
    env = {key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL")}
    command = [str(Path(sys.executable).with_name("assay")), "run", str(spec), "--set", "compute.workers=1"]
    done = subprocess.run(
        command,
        env=env | secrets | {"ASSAY_HOME": str(home), "TMPDIR": str(folder)},
        capture_output=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == (0 if ends == "well" else 4), done.stdout + done.stderr
    assert CANARY.encode() not in done.stdout + done.stderr
    files = [path for path in folder.rglob("*") if path.is_file() and path != spec]
    assert ends == "badly" or len(files) > 20
    assert [str(path) for path in files if CANARY.encode() in path.read_bytes()] == []

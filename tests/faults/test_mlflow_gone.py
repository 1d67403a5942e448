"""An MLflow that is gone neither stops a training nor loses anything: `assay sync` finishes what it could not take."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from assay.ledger import Ledger


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[str]:
    """A real MLflow server on `port`, for as long as the block lasts."""
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "artifacts")]
    env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    folder.mkdir()
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1)
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def test_a_run_without_mlflow_is_registered_later_and_nothing_is_lost(
    home: Path, spec_path: Path, tmp_path: Path, assay_json: Callable[..., dict[str, Any]]
) -> None:
    port = free_port()
    spec_path.write_text(spec_path.read_text() + f"tracking: {{uri: 'http://127.0.0.1:{port}'}}\n")
    result = assay_json("run", str(spec_path), "--orchestrator", "none")
    assert result["exit_code"] == 3
    assert result["registered"] is None
    assert str(port) in result["pending"]
    assert any("assay sync" in warning for warning in result["warnings"])
    assert Ledger(home).runs()[0].state == "pending"
    assert assay_json("sync")["exit_code"] == 4

    with mlflow_server(tmp_path / "server", port) as url:
        assert assay_json("sync")["exit_code"] == 0
        client = MlflowClient(url)
        (version,) = client.search_model_versions("name='small'")
        assert client.get_model_version_by_alias("small", "champion").version == version.version
        (run,) = client.search_runs([e.experiment_id for e in client.search_experiments() if e.name == "small"])
        losses = client.get_metric_history(run.info.run_id, "valid/loss")
        assert [point.step for point in losses] == [1, 2, 3]
        assert run.info.status == "FINISHED"
        again = assay_json("run", str(spec_path), "--orchestrator", "none")
        assert again["reused"]
    assert again["exit_code"] == 0
    assert [row.state for row in Ledger(home).runs()] == ["finished"]

"""Which MLflow a run goes to, and what samples it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from assay import tracking


class Healthy(BaseHTTPRequestHandler):
    """A server that answers /health as MLflow does."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def up(home: Path, url: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "servers.json").write_text(json.dumps({"mlflow": {"url": url}, "prefect": {"url": "x"}}))


def test_the_spec_is_asked_first_then_the_environment_then_the_server_then_the_home_folder(
    tmp_path: Path, server: str
) -> None:
    local = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    named = {"MLFLOW_TRACKING_URI": "http://env"}
    assert tracking.destination(tmp_path, None, {}) == local
    up(tmp_path, server)
    assert tracking.destination(tmp_path, None, {}) == server
    assert tracking.destination(tmp_path, None, named) == "http://env"
    assert tracking.destination(tmp_path, "http://spec", named) == "http://spec"


def test_a_server_that_does_not_answer_is_passed_over_at_once(tmp_path: Path) -> None:
    up(tmp_path, "http://127.0.0.1:9")
    started = time.monotonic()
    assert tracking.destination(tmp_path, None, {}).startswith("sqlite:///")
    assert time.monotonic() - started < 10


def test_the_server_of_up_and_the_home_folder_are_one_registry_by_name(tmp_path: Path, server: str) -> None:
    before = tracking.server(tmp_path, None, {})
    up(tmp_path, server)
    assert tracking.server(tmp_path, None, {}) == before
    assert tracking.server(tmp_path, "http://me:geheim@host", {}) == "http://me:***@host"


def test_a_run_has_a_page_only_where_a_server_shows_it() -> None:
    page = tracking.run_url("http://me:geheim@host:5000/", "1", "abc")
    assert page == "http://me:***@host:5000/#/experiments/1/runs/abc?workflowType=machine_learning"
    assert tracking.run_url("sqlite:///x.db", "1", "abc") == ""


class Kept:
    """Events that are kept in a list."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def emit(self, kind: str, /, **fields: Any) -> None:
        self.events.append({"kind": kind, **fields})


def test_the_sampler_samples_while_the_block_lasts_and_once_at_its_end() -> None:
    kept = Kept()
    with tracking.Sampler(kept, 0.05):
        time.sleep(0.4)
    n_events = len(kept.events)
    assert n_events >= 3
    time.sleep(0.15)
    assert len(kept.events) == n_events
    sample = kept.events[-1]
    assert sample["kind"] == "system"
    assert 0 <= sample["memory_percent"] <= 100
    assert sample["process_rss_mb"] > 10


def test_a_run_shorter_than_the_interval_still_has_one_sample() -> None:
    kept = Kept()
    with tracking.Sampler(kept, 60):
        pass
    assert len(kept.events) == 1


def test_importing_the_fronts_imports_nothing_heavy() -> None:
    code = (
        "import sys, assay.tracking, assay.registry;"
        "print(sorted({'mlflow', 'pandas', 'numpy', 'sqlalchemy', 'psutil', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['psutil']")

"""The event log of a run, as the pipeline writes it, and a real MLflow to send it to."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay import registry, tracking
from assay.artifacts import (
    Blob,
    Bundle,
    Evaluation,
    Findings,
    Folds,
    PairGap,
    Registered,
    Report,
    Snapshot,
    Source,
    TestFold,
    TrainFold,
    ValidationReport,
    ValidFold,
    to_json,
)
from assay.ledger import EventLog
from assay.store import Store
from tests.registry.example import ACCURACY, INPUTS, make_model, promote

SPEC = {
    "version": 1,
    "name": "adult",
    "data": {"source": "sql", "uri": "postgresql://ann:geheim@db/x?password=geheim", "api_key": "geheim"},
    "training": {"epochs": 3, "lr": 0.001, "betas": [0.9, 0.999]},
    "gates": [{"gate": "min_metric", "min": 0.86}, {"gate": "beats_champion"}],
    "personal": [],
    "tracking": {"uri": None},
}


@dataclass
class Run:
    """One pipeline run: its folder, its log, and what it would hand to MLflow."""

    home: Path
    run_id: str = "adult-20260101-000000-abc"
    experiment: str = "adult"
    source: str = "adult.parquet"

    def emit(self, kind: str, **fields: Any) -> None:
        with closing(EventLog(self.folder / "events.jsonl")) as log:
            log.emit(kind, **fields)

    @property
    def folder(self) -> Path:
        return self.home / "runs" / self.run_id

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    def relay(self, uri: str, **changes: Any) -> tracking.Relay:
        return tracking.Relay(self.folder, uri=uri, home=self.home, store=self.store, **{"every_s": 0.05} | changes)

    def start(self, **changes: Any) -> None:
        given = {
            "run_id": self.run_id,
            "name": "adult",
            "experiment": self.experiment,
            "spec": SPEC,
            "environment": {"python": "3.11"},
            "git": {"commit": "c0ffee"},
        }
        self.emit("run_started", **given | changes)

    def epoch(self, number: int, loss: float | None = None) -> None:
        value = 1 / (1 + number) if loss is None else loss
        self.emit(
            "epoch",
            epoch=number,
            n_epochs=3,
            train_loss=value,
            valid_loss=value,
            lr=0.001,
            seconds=0.1,
            metrics={"accuracy": 0.8},
        )

    def commit(self, stage: str, artifact: object, *, reused: bool = False) -> None:
        self.emit("stage_started", stage=stage)
        self.emit(
            "stage_committed", stage=stage, seconds=0.5, reused=reused, key="k", artifact=to_json(artifact), reason=""
        )

    def end(self, state: str = "finished", outcome: str = "promoted", reason: str = "All gates passed.") -> None:
        self.emit("run_ended", state=state, outcome=outcome, reason=reason)

    def blob(self, name: str, data: bytes) -> Blob:
        return self.store.put(data, name)

    def data_stages(self) -> None:
        table, rows = self.blob("table.arrow", b"SECRET ROWS"), self.store.put_array(np.arange(3), "rows.npy")
        source = Source(description=self.source, sha256="5" * 64, n_bytes=11)
        self.commit("ingest", Snapshot(table=table, source=source, columns=INPUTS, n_rows=9))
        docs = self.blob("data-docs.html", b"<html>docs</html>")
        self.commit("validate", ValidationReport(passed=True, results=(), docs=docs))
        train, valid, test = (
            kind(table=table, rows=self.store.put_array(np.arange(n), "rows.npy"), n_rows=n)
            for kind, n in ((TrainFold, 5), (ValidFold, 2), (TestFold, 3))
        )
        folds = Folds(train=train, valid=valid, test=test, audit=None, row_hashes=rows, how="random", n_dropped=0)
        self.commit("split", folds)

    def evidence_stages(self) -> None:
        evaluation = Evaluation(
            metrics=(ACCURACY,), confusion=((1, 2), (3, 4)), classes=("a", "b"), curves=(), diagnoses=(), n_rows=3
        )
        self.commit("evaluate", evaluation)
        gap = PairGap(metric="selection_rate", sensitive="sex", group_a="F", group_b="M", n_a=9, k_a=3, n_b=9, k_b=5)
        gaps = (dataclasses.replace(gap, gap=-0.2), dataclasses.replace(gap, gap=0.1))
        cells = self.blob("cells.parquet", b"PAR1")
        self.commit("audit", Findings(cells=cells, fold="test", groups=(), gaps=gaps, problems=()))
        self.commit("decide", promote())
        manifest = self.blob("manifest.json", b"{}")
        self.commit("evidence", Bundle(files=(self.blob("cells.parquet", b"PAR2"),), manifest=manifest, signed_by=""))
        review, curve = self.blob("review.html", b"<html>review</html>"), self.blob("roc.svg", b"<svg/>")
        self.commit("report", Report(review=review, files=(curve,)))

    def whole(self, n_epochs: int = 3) -> None:
        """Everything from the start to the end."""
        self.start()
        self.data_stages()
        for number in range(n_epochs):
            self.epoch(number)
        self.commit("train", make_model(self.store, 1))
        self.evidence_stages()
        self.end()


@dataclass
class Seen:
    """What MLflow shows of a pipeline run."""

    uri: str
    home: Path
    run_id: str

    @property
    def client(self) -> Any:
        return registry.connect(self.uri, self.home)

    @property
    def runs(self) -> list[Any]:
        experiments = [found.experiment_id for found in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, f"tags.`assay.run_id` = '{self.run_id}'"))

    @property
    def run(self) -> Any:
        (run,) = self.runs
        return self.client.get_run(run.info.run_id)

    def history(self, key: str) -> list[tuple[int, float]]:
        points = self.client.get_metric_history(self.run.info.run_id, key)
        return sorted((point.step, point.value) for point in points)

    def files(self, path: str | None = None) -> set[str]:
        found = self.client.list_artifacts(self.run.info.run_id, path)
        inside = [self.files(entry.path) for entry in found if entry.is_dir]
        return {entry.path for entry in found if not entry.is_dir}.union(*inside)

    def text(self, path: str) -> str:
        return Path(self.client.download_artifacts(self.run.info.run_id, path)).read_text()


def registered(name: str = "adult", version: int = 1) -> Registered:
    return Registered(
        name=name,
        version=version,
        model_sha256="m",
        alias="champion",
        holds_alias=True,
        uri=f"models:/{name}/{version}",
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(home: Path, port: int) -> Iterator[str]:
    """A real MLflow server on the database of `home`, gone (kill -9, with its children) when the block ends."""
    uri = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", tracking.local_uri(home)]
    command += ["--serve-artifacts", "--artifacts-destination", str(home / "mlflow" / "artifacts")]
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=home,
    )
    try:
        wait_for(lambda: answers(uri), 90)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)

"""One row of Adult through HTTP: `assay serve` against a bare FastAPI with the same network, and `mlflow models serve`.

    python benchmarks/serve.py [--requests 2000] [--seconds 8]

Each server is a process, and the client another. The bare application parses the same body, runs the same network on an
encoded row that it keeps, and returns the scores: no preprocessing, no contract, no version, no metrics.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ASSAY = str(Path(sys.executable).with_name("assay"))
NETWORK = (
    "--set", "model={family: mlp, depth: 2, width: 128, dropout: 0, numeric_embedding: none}",
    "--set", "training={epochs: 2, batch_size: 256, lr: 1e-3, early_stopping: null}",
    "--set", "gates=[{gate: min_metric, metric: accuracy, at_least: 0.5}]",
)  # fmt: skip
ROW = {
    "age": 39, "workclass": "State-gov", "education": "Bachelors", "education_num": 13,
    "marital_status": "Never-married", "occupation": "Adm-clerical", "relationship": "Not-in-family",
    "capital_gain": 2174, "capital_loss": 0, "hours_per_week": 40, "native_country": "United-States",
}  # fmt: skip
BARE = """
import json, sys
from pathlib import Path
import torch, uvicorn
from fastapi import FastAPI
from safetensors.torch import load
from assay import models, preprocessing, registry
from assay.models import Inputs
from assay.store import Store
uri, home, port, row = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
store = Store(home / "store")
model = registry.load("adult@champion", uri=uri, home=home, store=store).model
ready = model.preprocessing
network = models.build(model.family, json.loads(model.options), Inputs.of(ready, store=store), 2, None)
network.load_state_dict(load(store.read(model.weights)))
network.eval()
numeric, codes, _ = preprocessing.encoder(ready, store=store).rows([row])
x, c = torch.from_numpy(numeric), torch.from_numpy(codes)
app = FastAPI()

@app.post("/predict")
async def predict(body: dict) -> dict:
    with torch.inference_mode():
        return {"scores": network(x, c).flatten().tolist()}

uvicorn.run(app, port=port, access_log=False, log_level="warning")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(command: list[str], port: int, ping: str, env: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{ping}", timeout=2)
                    break
                except urllib.error.HTTPError:
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit(f"{command[:4]} does not answer") from None
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(30)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    start = time.perf_counter()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    await reader.readexactly(length)
    return time.perf_counter() - start


async def measured(port: int, request: bytes, n_requests: int, n_clients: int, seconds: float) -> tuple[Any, float]:
    """The times of one client's requests, and the requests a second of many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(200):
        await ask(reader, writer, request)
    times = [await ask(reader, writer, request) for _ in range(n_requests)]
    end = time.monotonic() + seconds

    async def client() -> int:
        mine = await asyncio.open_connection("127.0.0.1", port)
        n = 0
        while time.monotonic() < end:
            await ask(*mine, request)
            n += 1
        return n

    counts = await asyncio.gather(*(client() for _ in range(n_clients)))
    return times, sum(counts) / seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=2000)
    arguments.add_argument("--seconds", type=float, default=8)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"ASSAY_HOME": home, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
        uri = f"sqlite:///{Path(home).resolve() / 'mlflow' / 'mlflow.db'}"
        env["MLFLOW_TRACKING_URI"] = uri
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"  # where MLflow looks for uvicorn
        run = [ASSAY, "run", str(ROOT / "examples/adult/adult.yaml"), "--orchestrator", "none", *NETWORK]
        subprocess.run(run, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ports = [free_port() for _ in range(3)]
        frame = {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}}
        rows = {"rows": [ROW]}
        bare = [sys.executable, "-c", BARE, uri, home, str(ports[0]), json.dumps(ROW)]
        ours = [ASSAY, "serve", "adult@champion", "--port", str(ports[1])]
        mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/adult@champion"]
        mlflow += ["--env-manager", "local", "-p", str(ports[2])]
        cases: dict[str, tuple[list[str], str, str, Any]] = {
            "bare FastAPI + torch": (bare, "/docs", "/predict", rows),
            "assay serve": (ours, "/ready", "/predict", rows),
            "mlflow models serve": (mlflow, "/ping", "/invocations", frame),
        }
        print("| server | p50 ms | p99 ms | requests/s, 32 clients |\n|---|---|---|---|")
        found = {}
        for port, (name, (command, ping, path, body)) in zip(ports, cases.items(), strict=True):
            data = json.dumps(body).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(data)}\r\n\r\n"
            n_requests = asked.requests if "mlflow" not in name else asked.requests // 5
            with server(command, port, ping, env):
                request = head.encode() + data
                times, rate = asyncio.run(measured(port, request, n_requests, 32, asked.seconds))
            p50, p99 = statistics.median(times) * 1e3, statistics.quantiles(times, n=100)[98] * 1e3
            found[name] = (p50, p99, rate)
            print(f"| {name} | {p50:.2f} | {p99:.2f} | {rate:,.0f} |", flush=True)
        base, we, they = found.values()
        print(f"\np50 {we[0] / base[0]:.2f} x bare, p99 {we[1] / base[1]:.2f} x bare, {we[2] / they[2]:.1f} x mlflow")


if __name__ == "__main__":
    main()

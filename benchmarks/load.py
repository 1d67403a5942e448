"""A served model of Adult under load: its alias goes to and fro, workers are killed, and a part of the input is bad.

    python benchmarks/load.py [--seconds 600]

Four clients ask, and hold each answer against the probability that the version it names gives for that row. A request
whose worker is killed may be lost; every other one must be answered, by the version that it says, and none with a 5xx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from serve import ASSAY, NETWORK, ROOT, ROW, free_port, server

from assay import inference, registry, tracking
from assay.ledger import Ledger

BAD = ('{"rows": [{"age": "x"}]}', "{", '{"rows": []}', json.dumps({"rows": [ROW] * 2000}))
OUT = json.dumps({"rows": [ROW | {"age": 3}]})
PERIOD_S = {"flip": 2.0, "kill": 15.0}


class Clients:
    """What they ask, and what they were told."""

    def __init__(self, port: int, rows: list[dict[str, Any]], expected: dict[int, list[float]]) -> None:
        self.port, self.rows, self.expected = port, rows, expected
        self.said: Counter[str] = Counter()
        self.times: list[float] = []
        self.lost: list[float] = []  # when

    async def client(self, number: int, end: float) -> None:
        """Ask until `end`, and connect again where a connection breaks."""
        n = number
        while time.monotonic() < end:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                while time.monotonic() < end:
                    n += 4
                    await self.ask(reader, writer, n)
            except (OSError, asyncio.IncompleteReadError):
                self.lost.append(time.monotonic())

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        """One request: every fifth is bad, every seventh out of contract."""
        place = n % len(self.rows)
        body = BAD[n % len(BAD)] if n % 5 == 0 else OUT if n % 7 == 0 else json.dumps({"rows": [self.rows[place]]})
        start = time.perf_counter()
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body.encode())
        top = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in top if line.startswith(b"content-length"))
        reply = json.loads(await reader.readexactly(length))
        self.times.append(time.perf_counter() - start)
        self.said[self.judged(top[0].split()[1].decode(), reply, place, n)] += 1

    def judged(self, status: str, reply: Any, place: int, n: int) -> str:
        """What an answer is."""
        wanted = "422" if n % 5 == 0 else "200"
        if status != wanted:
            return f"status {status} in place of {wanted}"
        if status == "422":
            return "bad input, 422"
        version, (answer,) = reply["model"]["version"], reply["predictions"]
        if n % 7 == 0:
            return "out of contract, refused" if "refused" in answer else "out of contract, predicted"
        fits = abs(answer["probabilities"][">50K"] - self.expected[version][place]) < 1e-5
        return f"answered by version {version}" if fits else "answer of another version than it says"


def trained(env: dict[str, str]) -> None:
    """Two versions of Adult that differ."""
    for options in (
        (),
        ("--set", "model.width=64", "--set", "gates=[{gate: min_metric, metric: accuracy, at_least: 0.4}]"),
    ):
        run = [ASSAY, "run", str(ROOT / "examples/adult/adult.yaml"), "--orchestrator", "none", *NETWORK, *options]
        subprocess.run(run, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def expectations(home: Path, rows: list[dict[str, Any]]) -> dict[int, list[float]]:
    """What each version answers for each row, alone and without a server."""
    found, uri, store = {}, tracking.destination(home, None), Ledger(home).store
    for number in (1, 2):
        version = registry.load(f"adult/{number}", uri=uri, home=home, store=store)
        predictor = inference.predictor(version.model, version.calibration, store=store)
        found[number] = [float(predictor.rows([row]).p_BO[0, 1]) for row in rows]  # type: ignore[index]
    return found


def disturb(process: psutil.Process, home: Path, end: float) -> tuple[list[float], int]:
    """Move the alias and kill workers until `end`; when workers were killed, and how often the alias moved."""
    around = {"uri": tracking.destination(home, None), "home": home, "store": Ledger(home).store}
    kills: list[float] = []
    n_flips, next_kill = 0, time.monotonic() + PERIOD_S["kill"] / 2
    while time.monotonic() < end:
        registry.promote("adult", 2 - n_flips % 2, "champion", waiver="load test", **around)
        n_flips += 1
        if time.monotonic() >= next_kill:
            alive = [each for each in process.children() if each.status() != psutil.STATUS_ZOMBIE]
            workers = [each for each in alive if "spawn_main" in " ".join(each.cmdline())]
            if len(workers) == 2:
                workers[len(kills) % 2].send_signal(signal.SIGKILL)
                kills.append(time.monotonic())
                next_kill += PERIOD_S["kill"]
            else:
                print(f"  {PERIOD_S['kill']:.0f} s after a kill {len(workers)} of 2 workers are there", flush=True)
        time.sleep(PERIOD_S["flip"])
    return kills, n_flips


async def load(clients: Clients, process: psutil.Process, home: Path, seconds: float) -> tuple[list[float], int]:
    end = time.monotonic() + seconds
    disturbed = asyncio.to_thread(disturb, process, home, end - 5)
    found, *_ = await asyncio.gather(disturbed, *(clients.client(number, end) for number in range(4)))
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600)
    seconds = arguments.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder, "home").resolve(), free_port()
        env = os.environ | {"ASSAY_HOME": str(home), "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
        trained(env)
        rows = pq.read_table(ROOT / "examples/adult/adult.parquet", columns=list(ROW)).slice(0, 500).to_pylist()
        clients = Clients(port, rows, expectations(home, rows))
        command = [ASSAY, "serve", "adult@champion", "--port", str(port), "--workers", "2", "--poll-s", "0.5"]
        with server(command, port, "/ready", env):
            (process,) = [each for each in psutil.Process().children() if "serve" in each.cmdline()]
            kills, n_flips = asyncio.run(load(clients, process, home, seconds))
    near = sum(any(abs(lost - kill) < 1 for kill in kills) for lost in clients.lost)
    cuts = statistics.quantiles(clients.times, n=1000)
    print(
        f"{len(clients.times):,} requests in {seconds:.0f} s, {n_flips} moves of the alias, {len(kills)} workers killed"
    )
    for what, n in sorted(clients.said.items()):
        print(f"  {n:,} {what}")
    print(f"  {len(clients.lost)} connections lost, {near} of them within a second of a kill")
    print(f"  p50 {cuts[499] * 1e3:.2f} ms, p99 {cuts[989] * 1e3:.2f} ms, p99.9 {cuts[998] * 1e3:.1f} ms")


if __name__ == "__main__":
    main()

"""A server under load while its alias moves: no failed request, and no answer of another version than it says."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from assay import inference
from assay.artifacts import Calibration
from assay.errors import ServersError
from assay.serving import serve
from tests.serving.conftest import ROW, Registered

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries
SERVE = """
import sys
from pathlib import Path
from assay import serving
from assay.store import Store
uri, home, store, workers = sys.argv[1:]
where = serving.Where(uri=uri, home=Path(home), store=Store(Path(store)))
tell = lambda address: print(address, flush=True)
serving.serve("adult@champion", where, port=0, poll_s=0.1, workers=int(workers), ready=tell)
"""


@contextmanager
def served(registered: Registered, workers: int = 1) -> Iterator[tuple[subprocess.Popen[str], int]]:
    where = registered.where
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        SERVE,
        where.uri,
        str(where.home),
        str(where.store.root),
        str(workers),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().rsplit(":", 1)[1])
        finally:
            process.kill()


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers that answer; Python's own helper of processes is none."""
    found = psutil.Process(process.pid).children()
    alive = [each for each in found if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in alive if "spawn_main" in " ".join(each.cmdline())]


def ask(port: int, method: str, path: str, body: str | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    return connection.getresponse().read()


def probability(registered: Registered, family: str) -> float:
    model, store = registered.trained.models[family], registered.trained.store
    predicted = inference.predictor(model, Calibration(), store=store).rows([ROW])
    assert predicted.p_BO is not None
    return float(predicted.p_BO[0, 1])


def under_load(registered: Registered, seconds: float) -> Counter[Any]:
    """What clients were told while the alias went to and fro; the server is told to end amid the load."""
    expected = {1: probability(registered, "mlp"), 2: probability(registered, "linear")}
    good, bad = json.dumps({"rows": [ROW]}), '{"rows": [{"age": "x"}]}'
    said: Counter[Any] = Counter()
    ending = threading.Event()

    def client(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        n = 0
        while not ending.is_set():
            n += 1
            body = good if n % 5 else bad
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            data = json.loads(reply.read())
            if reply.status != 200:
                said[reply.status] += 1
                continue
            version = data["model"]["version"]
            p = data["predictions"][0]["probabilities"][">50K"]
            said[version if abs(p - expected[version]) < 1e-6 else "wrong"] += 1

    with served(registered) as (process, port):
        clients = [threading.Thread(target=client, args=(port,)) for _ in range(4)]
        for thread in clients:
            thread.start()
        end, version = time.monotonic() + seconds, 1
        while time.monotonic() < end:
            version = 3 - version
            registered.promote(version)
            time.sleep(0.5)
        ending.set()
        for thread in clients:
            thread.join()
        process.send_signal(signal.SIGTERM)
        said["exit"] = process.wait(30)
    return said


def check(said: Counter[Any]) -> None:
    assert set(said) <= {1, 2, 422, "exit"}, said
    assert min(said[1], said[2], said[422]) > 20, said


def test_under_load_with_a_moving_alias_no_request_fails(registered: Registered) -> None:
    check(under_load(registered, 6))


def test_a_worker_that_is_killed_is_replaced_and_the_others_answer_meanwhile(registered: Registered) -> None:
    body = json.dumps({"rows": [ROW]})
    with served(registered, workers=2) as (process, port):
        first = workers_of(process)
        assert len(first) == 2
        for _ in range(20):  # a connection each, so that both answer
            assert json.loads(ask(port, "POST", "/predict", body))["model"]["version"] == 1
        first[0].kill()
        end = time.monotonic() + 60
        while first[0] in (now := workers_of(process)) or len(now) < 2:
            assert time.monotonic() < end
            assert json.loads(ask(port, "POST", "/predict", body))["model"]["version"] == 1
        text = ask(port, "GET", "/metrics").decode()
        (line,) = [line for line in text.splitlines() if line.startswith("assay_requests_total")]
        assert float(line.split()[-1]) > 20, "every worker tells what all have answered, the dead one included"
        assert 'assay_model_version{reference="adult@champion"} 1.0' in text
        process.kill()
        process.wait()
        assert not psutil.wait_procs(now, timeout=30)[1], "workers end with the one that started them"


def test_beyond_this_machine_a_key_is_required_before_anything_listens(registered: Registered) -> None:
    with pytest.raises(ServersError, match="no API key"):
        serve("adult@champion", registered.where, host="0.0.0.0", port=0)
    with served(registered) as (_, port), pytest.raises(ServersError, match="cannot be listened on"):
        serve("adult@champion", registered.where, port=port)

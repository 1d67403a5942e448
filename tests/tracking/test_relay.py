"""The relay, against a real MLflow database and a real MLflow server."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from assay import registry, tracking
from assay.artifacts import Calibration, Evaluation, Registered, from_json
from assay.errors import RegistryError, TrackingError
from assay.ledger import read_events
from assay.store import Store
from tests.registry.example import make_model, promote
from tests.tracking.example import Run, Seen, free_port, mlflow_server, wait_for

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries
NOWHERE = "http://127.0.0.1:9"


def seen(run: Run) -> Seen:
    return Seen(tracking.local_uri(run.home), run.home, run.run_id)


def register(run: Run, relay: tracking.Relay, uri: str) -> Registered:
    """Register a model of `run` as the pipeline does."""
    return registry.register(
        make_model(run.store, 1),
        Calibration(),
        promote(),
        "adult",
        "champion",
        train_hashes=run.blob("train_hashes.npy", b"x"),
        run_id=relay.run_id,
        uri=uri,
        home=run.home,
        store=run.store,
    )


def test_a_whole_run_is_shown_as_a_reviewer_wants_it(home: Path) -> None:
    run = Run(home)
    with run.relay(tracking.local_uri(home)) as relay:
        run.whole()
    assert relay.problem == ""
    shown = seen(run)
    info, data = shown.run.info, shown.run.data
    assert info.status == "FINISHED"
    assert info.run_name == run.run_id
    assert data.params["training.lr"] == "0.001"
    assert data.metrics["test/accuracy"] == 0.87
    assert data.tags["assay.outcome"] == "promoted"
    assert data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert "**Promoted.**" in data.tags["mlflow.note.content"]
    assert shown.history("train/loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    contexts = {each.tags[0].value: each.dataset for each in shown.run.inputs.dataset_inputs}
    assert set(contexts) == {"train", "valid", "test"}
    assert shown.files() >= {
        "review.html",
        "spec.yaml",
        "environment.json",
        "evidence/cells.parquet",
        "validate/data-docs.html",
        "report/roc.svg",
        "handoffs/findings.json",
        "handoffs/evaluation.json",
        "handoffs/decision.json",
    }
    assert from_json(Evaluation, shown.text("handoffs/evaluation.json")).n_rows == 3
    assert relay.mlflow_run_id == info.run_id


def test_the_artifacts_lie_in_the_home_folder(home: Path) -> None:
    run = Run(home)
    with run.relay(tracking.local_uri(home)):
        run.whole()
    assert list((home / "mlflow" / "artifacts").rglob("review.html"))


def test_the_run_can_be_asked_for_while_it_goes_on(home: Path) -> None:
    run = Run(home)
    with run.relay(tracking.local_uri(home)) as relay:
        run.start()
        run_id = relay.run_id()
        assert seen(run).client.get_run(run_id).info.status == "RUNNING"
        run.epoch(0)
        wait_for(lambda: seen(run).history("train/loss") == [(0, 1.0)], 10)
        run.end()
    assert seen(run).run.info.status == "FINISHED"


@pytest.mark.parametrize(("state", "status"), [("failed", "FAILED"), ("killed", "KILLED"), ("cancelled", "KILLED")])
def test_the_run_ends_as_the_pipeline_did(home: Path, state: str, status: str) -> None:
    run = Run(home)
    with run.relay(tracking.local_uri(home)):
        run.start()
        run.end(state, "", "because")
    assert seen(run).run.info.status == status


def test_the_same_run_started_again_is_the_same_mlflow_run_and_no_point_is_doubled(home: Path) -> None:
    uri = tracking.local_uri(home)
    run = Run(home)
    with run.relay(uri):
        run.start()
        run.epoch(0)
        run.epoch(1)
        run.end("failed", "", "killed")
    again = Run(home)
    with again.relay(uri) as relay:
        again.start()
        assert seen(run).client.get_run(relay.run_id()).info.status in ("FAILED", "RUNNING")
        for number in (1, 2):
            again.epoch(number, loss=9.0)
        again.end()
    assert seen(run).history("train/loss") == [(0, 1.0), (1, 0.5), (2, 9.0)]
    assert seen(run).run.info.status == "FINISHED"


def test_a_batch_that_was_accepted_but_never_noted_is_not_written_twice(home: Path) -> None:
    uri = tracking.local_uri(home)
    run = Run(home)
    with run.relay(uri):
        run.whole()
    before = {key: seen(run).history(key) for key in seen(run).run.data.metrics}
    (run.folder / "relay.json").unlink()
    (result,) = tracking.sync(home, uri=uri)
    assert result.n_events > 0
    assert {key: seen(run).history(key) for key in seen(run).run.data.metrics} == before
    assert len(seen(run).run.inputs.dataset_inputs) == 3


def test_an_mlflow_that_is_gone_costs_the_run_nothing_and_sync_sends_everything_later(home: Path) -> None:
    run = Run(home)
    started = time.monotonic()
    with run.relay(NOWHERE) as relay:
        run.start()
        with pytest.raises(TrackingError, match="does not answer"):
            relay.run_id()
        with pytest.raises(RegistryError, match="Nothing is lost"):
            register(run, relay, NOWHERE)
        emitting = time.monotonic()
        for number in range(100):
            run.epoch(number)
        assert time.monotonic() - emitting < 1
        run.end()
    assert time.monotonic() - started < 5
    assert "127.0.0.1:9" in relay.problem
    (result,) = tracking.sync(home, env={})
    assert (result.run_id, result.problem) == (run.run_id, "")
    assert result.n_events == len(list(read_events(run.folder / "events.jsonl")))
    assert [step for step, _ in seen(run).history("train/loss")] == list(range(100))
    assert seen(run).run.info.status == "FINISHED"
    assert tracking.sync(home, env={}) == ()


def test_sync_says_which_runs_could_not_be_sent(home: Path) -> None:
    run = Run(home)
    run.start(spec={"tracking": {"uri": "http://ann:geheim@127.0.0.1:9"}})
    run.end()
    (result,) = tracking.sync(home, env={})
    assert result.n_events == 0
    assert "127.0.0.1:9" in result.problem
    assert "geheim" not in result.problem


def test_sync_leaves_a_run_alone_that_is_being_relayed(home: Path) -> None:
    run = Run(home)
    with run.relay(tracking.local_uri(home), every_s=60) as relay:
        run.start()
        relay.run_id()
        run.epoch(0)
        assert tracking.sync(home, env={}) == ()
        run.end()


def test_a_file_that_is_gone_from_the_store_is_said_and_holds_nothing_up(home: Path) -> None:
    run = Run(home)
    run.whole()
    for path in (home / "store").rglob("*.html"):
        path.unlink()
    (result,) = tracking.sync(home, env={})
    assert result.problem == ""
    assert "review.gone.txt" in seen(run).files()


def test_a_deleted_experiment_is_one_clear_problem(home: Path) -> None:
    uri = tracking.local_uri(home)
    client = registry.connect(uri, home)
    client.delete_experiment(client.create_experiment("adult"))
    run = Run(home)
    run.start()
    (result,) = tracking.sync(home, env={})
    assert "was deleted" in result.problem
    assert "tracking.experiment" in result.problem


def test_the_model_shows_the_evaluation_and_the_run_no_point_more(home: Path) -> None:
    uri = tracking.local_uri(home)
    run = Run(home)
    with run.relay(uri) as relay:
        run.start()
        run.evidence_stages()
        run.commit("register", register(run, relay, uri))
        run.end()
    assert relay.problem == ""
    shown = seen(run)
    (output,) = shown.run.outputs.model_outputs
    model = shown.client.get_logged_model(output.model_id)
    assert {metric.key: metric.value for metric in model.metrics}["test/accuracy"] == 0.87
    assert shown.history("test/accuracy") == [(0, 0.87)]
    assert shown.run.data.tags["assay.model_version"] == "adult/1"


def test_eight_runs_at_once_lose_nothing(home: Path) -> None:
    uri = tracking.local_uri(home)
    runs = [Run(home, run_id=f"adult-{number}", experiment=f"e{number % 2}") for number in range(8)]

    def work(run: Run) -> str:
        with run.relay(uri, end_wait_s=60) as relay:
            run.start()
            for number in range(20):
                run.epoch(number)
                time.sleep(0.02)
            run.end()
        return relay.problem

    with ThreadPoolExecutor(8) as pool:
        problems = list(pool.map(work, runs))
    assert problems == [""] * 8
    for run in runs:
        assert [step for step, _ in seen(run).history("train/loss")] == list(range(20))
        experiment = seen(run).client.get_experiment(seen(run).run.info.experiment_id)
        assert experiment.name == run.experiment


FIRST_STARTS = """
import os, sys
from pathlib import Path
import mlflow.store.tracking.sqlalchemy_store, mlflow.store.model_registry.sqlalchemy_store
from assay import registry, tracking

home, children = Path(sys.argv[1]), []
for _ in range(8):
    child = os.fork()
    if child == 0:
        client = registry.connect(tracking.local_uri(home), home)
        assert len(client.search_experiments()) == 1
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
"""


def test_eight_first_starts_at_once_make_one_schema(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST_STARTS, str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == str([0] * 8), done.stderr


def _emit_and_die(home: Path, uri: str) -> None:
    run = Run(home)
    with run.relay(uri) as relay:
        run.start()
        relay.run_id()
        for number in range(1000):
            run.epoch(number)
            time.sleep(0.01)


def test_kill_9_and_the_same_command_again_is_one_gap_free_mlflow_run(home: Path) -> None:
    uri = tracking.local_uri(home)
    process = multiprocessing.get_context("spawn").Process(target=_emit_and_die, args=(home, uri))
    process.start()
    run = Run(home)
    wait_for(lambda: seen(run).runs and len(seen(run).history("train/loss")) > 5, 60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    again = Run(home)
    last = max(event["epoch"] for event in read_events(run.folder / "events.jsonl") if event["kind"] == "epoch")
    with again.relay(uri):
        again.start()
        for number in range(max(0, last - 2), last + 5):
            again.epoch(number)
        again.end()
    assert [step for step, _ in seen(run).history("train/loss")] == list(range(last + 5))
    assert seen(run).run.info.status == "FINISHED"


def test_a_server_that_is_killed_in_the_middle_and_comes_back_has_every_point_once(home: Path) -> None:
    run, port = Run(home), free_port()
    run.start()
    stop, slowest = threading.Event(), [0.0]

    def train() -> None:
        number = 0
        while not stop.is_set():
            before = time.monotonic()
            run.epoch(number)
            slowest[0] = max(slowest[0], time.monotonic() - before)
            number += 1
            stop.wait(0.02)

    uri = f"http://127.0.0.1:{port}"
    (home / "servers.json").write_text(json.dumps({"mlflow": {"url": uri}}))
    training = threading.Thread(target=train)
    with ExitStack() as servers, run.relay(uri, end_wait_s=60) as relay:
        with mlflow_server(home, port):
            training.start()
            wait_for(lambda: relay.mlflow_run_id, 60)
            time.sleep(1)
        wait_for(lambda: relay.problem, 30)
        time.sleep(1)
        servers.enter_context(mlflow_server(home, port))
        relay.run_id(60)
        stop.set()
        training.join()
        run.evidence_stages()
        run.commit("register", register(run, relay, uri))
        run.end()
        elsewhere = Store(home / "elsewhere")
        champion = registry.champion("adult", "champion", uri=uri, home=home, store=elsewhere)
    assert champion is not None
    assert elsewhere.holds(champion.model.weights)
    assert relay.problem == ""
    assert slowest[0] < 1.0
    steps = [step for step, _ in seen(run).history("train/loss")]
    emitted = [event["epoch"] for event in read_events(run.folder / "events.jsonl") if event["kind"] == "epoch"]
    assert steps == emitted
    assert len(seen(run).runs) == 1
    assert seen(run).run.info.status == "FINISHED"
    assert "review.html" in seen(run).files()


def test_the_cursor_says_how_much_was_accepted(home: Path) -> None:
    run = Run(home)
    with run.relay(tracking.local_uri(home)) as relay:
        run.start()
        run.end()
    cursor: dict[str, Any] = json.loads((run.folder / "relay.json").read_bytes())
    assert cursor == {"mlflow_run_id": relay.mlflow_run_id, "seq": 2}

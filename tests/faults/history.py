"""A checker of histories: a seeded random sequence of faults over one home folder, and what has to be true after it.

The specs are one spec with four seeds of its training, so that runs overlap in what they reuse and are rivals for one
alias. Every fault hits a real process, by its pid, or a file. At the end each spec is run once more, undisturbed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from assay import registry
from assay.errors import AssayError
from assay.ledger import Ledger, RunRow
from tests.faults.test_kill import start

N_SPECS = 4
LONGEST_S = 6.0  # until a run is killed: about as long as one takes
RUNS = ("--set", "training.epochs=40", "--set", "training.batch_size=32", "--set", "training.early_stopping=null")


@dataclass
class History:
    """One home folder and what is done to it. `did` are the faults; `n_damaged` are files that were harmed."""

    home: Path
    spec_path: Path
    seed: int
    did: list[str] = field(default_factory=list)
    n_damaged: int = 0

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.uri = f"sqlite:///{self.home}/mlflow/mlflow.db"

    def suffer(self, n_faults: int, until: float = float("inf")) -> None:
        """So many faults, one after another; fewer when it is `until` (of `time.monotonic`)."""
        faults: list[Callable[[], str]] = [
            self.killed, self.killed, self.killed, self.told, self.twice, self.harmed, self.cut, self.sync_killed,
        ]  # fmt: skip
        while len(self.did) < n_faults and time.monotonic() < until:
            self.did.append(self.draw.choice(faults)())

    def begun(self, number: int | None = None) -> subprocess.Popen[str]:
        """A run of one of the specs."""
        chosen = self.draw.randrange(N_SPECS) if number is None else number
        return start(self.home, self.spec_path, *RUNS, "--set", f"seed={chosen}", "--json")

    def killed(self) -> str:
        """kill -9, whenever."""
        return f"kill {self._after(self.begun(), signal.SIGKILL)}"

    def told(self) -> str:
        """SIGTERM or SIGINT, whenever."""
        return f"signal {self._after(self.begun(), self.draw.choice([signal.SIGTERM, signal.SIGINT]))}"

    def twice(self) -> str:
        """The same command twice at once, one of which is killed."""
        number = self.draw.randrange(N_SPECS)
        first, second = self.begun(number), self.begun(number)
        code = self._after(first, signal.SIGKILL)
        second.communicate(timeout=120)
        return f"twice {code} {second.returncode}"

    def harmed(self) -> str:
        """A byte of an object or of a checkpoint is flipped, or the file is cut short, or gone."""
        found = [*self.home.glob("store/objects/*/*"), *self.home.glob("checkpoints/*/checkpoints/*/*/*")]
        files = sorted(path for path in found if path.stat().st_size)
        if not files:
            return "harm nothing"
        path, how = self.draw.choice(files), self.draw.choice(["flip", "cut", "gone"])
        data = bytearray(path.read_bytes())
        data[self.draw.randrange(len(data))] ^= 1
        path.unlink()  # MLflow's copies are files of their own, and so are these
        if how != "gone":
            path.write_bytes(data if how == "flip" else data[: len(data) // 2])
        self.n_damaged += 1
        return f"{how} {path.parent.name}/{path.name[:8]}"

    def cut(self) -> str:
        """The last line of an event log is half a line, as a power failure leaves it."""
        logs = sorted(self.home.glob("runs/*/events.jsonl"))
        if not logs:
            return "cut nothing"
        with open(self.draw.choice(logs), "ab") as log:
            log.write(b'{"seq": 1, "ti')
        return "cut a log"

    def sync_killed(self) -> str:
        """`assay sync`, and kill -9."""
        command = [str(Path(sys.executable).with_name("assay")), "sync"]
        child = subprocess.Popen(
            command, env=os.environ | {"ASSAY_HOME": str(self.home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        return f"sync {self._after(child, signal.SIGKILL, 2.0)}"

    def healed(self) -> list[str]:
        """Each spec once more, then everything sent; what did not go well."""
        wrong = []
        for number in range(N_SPECS):
            child = self.begun(number)
            _, errors = child.communicate(timeout=200)
            if child.returncode not in (0, 2, 3):
                wrong.append(f"spec {number} ends with {child.returncode}: {errors[-300:]}")
        return wrong

    def violations(self) -> list[str]:
        """Everything that is not as it has to be."""
        rows = Ledger(self.home).runs()
        found = [problem for row in rows for problem in self._of_run(row)]
        return [*found, *self._of_registry(), *self._of_processes()]

    def _after(self, child: subprocess.Popen[str], number: int, longest_s: float = LONGEST_S) -> int:
        """Send a signal after a while, if the process lives that long; how it ended."""
        try:
            child.wait(timeout=self.draw.uniform(0.0, longest_s))
        except subprocess.TimeoutExpired:
            child.send_signal(number)
        child.communicate(timeout=60)
        return int(child.returncode)

    def _of_run(self, row: RunRow) -> Iterator[str]:
        """The log has no gap, a stage was committed once, MLflow says what the ledger says, and each step once."""
        log = list(Ledger(self.home).events(row.run_id))
        if [event["seq"] for event in log] != list(range(len(log))):
            yield f"{row.run_id}: its event log has gaps"
        ran = Counter(event["key"] for event in log if event["kind"] == "stage_committed" and not event["reused"])
        n_again = sum(count - 1 for count in ran.values())
        if n_again and not self.n_damaged:  # what was harmed is made again
            yield f"{row.run_id}: {n_again} stages ran twice"
        if row.state != "finished":
            yield f"{row.run_id} is {row.state} in the end: {row.reason[:200]}"
            return
        client = registry.connect(self.uri, self.home)
        run = client.get_run(row.mlflow_run_id)
        if run.info.status != "FINISHED":
            yield f"{row.run_id}: MLflow says {run.info.status}"
        trained = {event["epoch"] for event in log if event["kind"] == "epoch"}
        steps = [point.step for point in client.get_metric_history(row.mlflow_run_id, "valid/loss")]
        if sorted(steps) != list(range(1, len(steps) + 1)) or not trained <= set(steps):
            yield f"{row.run_id}: epochs {sorted(trained)[:3]}.. are the steps {sorted(steps)[:50]} in MLflow"

    def _of_registry(self) -> Iterator[str]:
        """alias -> version -> bytes -> decision record -> evidence; one version per model, one MLflow run per run."""
        client = registry.connect(self.uri, self.home)
        rows = Ledger(self.home).runs()
        runs = client.search_runs([client.get_experiment_by_name("small").experiment_id], max_results=1000)
        known = {row.mlflow_run_id for row in rows} - {""}
        if {run.info.run_id for run in runs} != known:
            yield f"MLflow has {len(runs)} runs, the ledger {len(known)}"
        versions = client.search_model_versions("name='small'")
        digests = Counter(version.tags.get("assay.sha256", version.version) for version in versions)
        if max(digests.values(), default=1) > 1:
            yield f"a model has {max(digests.values())} versions"
        try:
            chain, aliases = registry.history("small", uri=self.uri, home=self.home)
            served = registry.load("small@champion", uri=self.uri, home=self.home, store=Ledger(self.home).store)
        except AssayError as error:
            yield f"the alias: {error}"
            return
        last = chain.records[-1]
        if not aliases.get("champion") == last.version == served.number or not last.bundle or not last.evidence:
            yield f"the alias is at {aliases}, the last record says {last.version}"

    def _of_processes(self) -> Iterator[str]:
        """Nothing of ours is left."""
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("ASSAY_HOME") == str(self.home) and process.pid != os.getpid()
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    yield f"left running: {' '.join(process.cmdline())[:100]}"
            except psutil.Error:
                continue

    def told_in_json(self, wrong: list[str]) -> str:
        """One line for a record of many histories."""
        n_runs = len(Ledger(self.home).runs())
        return json.dumps({"seed": self.seed, "faults": len(self.did), "runs": n_runs, "violations": wrong})


def live(folder: Path, spec_path: Path, seed: int, n_faults: int, seconds: float = float("inf")) -> tuple[History, Any]:
    """A whole history, and what was wrong at its end."""
    history = History(home=folder / "home", spec_path=spec_path, seed=seed)
    history.suffer(n_faults, time.monotonic() + seconds)
    wrong = history.healed()
    return history, wrong + history.violations()

"""Training that was interrupted, in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assay.artifacts import Model, to_json
from assay.errors import Cancelled
from tests.training.example import Encoded, Heard

SPEC: dict[str, Any] = {"family": "mlp", "epochs": 5, "batch_size": 64, "ema": 0.99, "lr": 0.003}


STOPPING = """
from pathlib import Path
import torch
class Stopping(torch.nn.Module):
    def __init__(self, n_numeric, levels, n_outputs, at, flag):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_numeric, 16),
            torch.nn.BatchNorm1d(16),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(16, n_outputs),
        )
        self.at, self.flag, self.n_calls = at, Path(flag), 0
    def forward(self, numeric, codes):
        self.n_calls += self.training
        if self.training and self.n_calls == self.at:
            self.flag.touch()
        return self.layers(numeric)
"""


class StopsAfter(Heard):
    """Asks for the end when the checkpoint of epoch `n` has been written."""

    def __init__(self, folder: Path, n: int) -> None:
        super().__init__()
        self._folder, self._n = folder, n

    def emit(self, kind: str, /, **fields: Any) -> None:
        super().emit(kind, **fields)
        if kind == "checkpoint" and fields["epoch"] == self._n:
            (self._folder / "stop").touch()


def numbers(model: Model) -> object:
    return [(e.epoch, e.train_loss, e.valid_loss, e.lr, e.metrics) for e in model.epochs], model.weights


@pytest.fixture(scope="module")
def undisturbed(adult_income: Encoded, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return adult_income.fit(tmp_path_factory.mktemp("undisturbed"), **SPEC)


def test_a_training_stopped_in_the_middle_of_an_epoch_goes_on_to_the_same_bits(
    adult_income: Encoded, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(STOPPING)
    n_updates = -(-adult_income.train.n_rows // 64)
    options = {"at": 2 * n_updates + n_updates // 2, "flag": str(tmp_path / "fit/stop")}
    spec = SPEC | {"family": "python:mine:Stopping", "root": tmp_path, "precision": "fp16", "options": options}
    with pytest.raises(Cancelled, match="after 2 of 5 epochs"):
        adult_income.fit(tmp_path / "fit", **spec)
    (newest,) = sorted((tmp_path / "fit/checkpoints").glob("*/*"))[-1:]
    assert newest.name == f"000003-{32:09d}"
    heard = Heard()
    (tmp_path / "fit").rename(tmp_path / "moved")  # where the flag is no longer seen
    (tmp_path / "fit").mkdir()
    resumed = adult_income.fit(tmp_path / "moved", **spec, events=heard)
    assert numbers(resumed) == numbers(adult_income.fit(tmp_path / "undisturbed", **spec))
    assert heard.epochs() == [1, 2, 3, 4, 5]


KILLED = """
import os, signal, sys
from pathlib import Path
from assay import training
from assay.artifacts import Preprocessing, TrainingArrays, from_json
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store
root, folder, arrays, prepared, training_spec, ask_at = sys.argv[1:]
class Told:
    def emit(self, kind, /, **fields):
        print(kind, fields["epoch"], flush=True)
        if ask_at == f"{kind} {fields['epoch']}":
            os.kill(os.getpid(), signal.SIGTERM)
training.train(
    from_json(TrainingArrays, arrays), from_json(Preprocessing, prepared), ModelSpec(family="mlp"),
    TrainingSpec.model_validate_json(training_spec), ComputeSpec(threads=1), 0,
    store=Store(Path(root)), events=Told(), folder=Path(folder),
)
"""


def start(encoded: Encoded, folder: Path, ask_at: str = "") -> subprocess.Popen[str]:
    from assay.spec.training import TrainingSpec

    spec = TrainingSpec(**{key: value for key, value in SPEC.items() if key != "family"}).model_dump_json()
    command = [sys.executable, "-c", KILLED, str(encoded.store.root), str(folder)]
    command += [to_json(encoded.arrays), to_json(encoded.prepared), spec, ask_at]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for found in process.stdout:
        if found.strip() == line:
            return
    raise AssertionError(process.stderr and process.stderr.read())


def test_a_training_killed_with_kill_9_goes_on_to_the_same_bits(
    adult_income: Encoded, undisturbed: Model, tmp_path: Path
) -> None:
    process = start(adult_income, tmp_path)
    wait_for(process, "checkpoint 2")
    time.sleep(undisturbed.epochs[-1].seconds / 2)
    process.kill()
    process.communicate()
    assert numbers(adult_income.fit(tmp_path, **SPEC)) == numbers(undisturbed)


def test_sigterm_leads_to_a_checkpoint_first(adult_income: Encoded, undisturbed: Model, tmp_path: Path) -> None:
    output, errors = start(adult_income, tmp_path, ask_at="epoch 2").communicate(timeout=60)
    assert "Cancelled: training was told to stop after 2 of 5 epochs" in errors
    assert output.splitlines()[-1] == "checkpoint 2"
    assert numbers(adult_income.fit(tmp_path, **SPEC)) == numbers(undisturbed)


def test_a_handler_of_the_caller_gets_the_signal_after_the_checkpoint(adult_income: Encoded, tmp_path: Path) -> None:
    class Asked(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Asked(str(number))

    class Signals(Heard):
        def emit(self, kind: str, /, **fields: Any) -> None:
            if kind == "checkpoint" and fields["epoch"] == 1 and not self.events:
                os.kill(os.getpid(), signal.SIGTERM)
            if kind == "checkpoint":
                super().emit(kind, **fields)

    before = signal.signal(signal.SIGTERM, handler)
    heard = Signals()
    try:
        with pytest.raises(Asked):
            adult_income.fit(tmp_path, **SPEC, events=heard)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [fields["epoch"] for _, fields in heard.events] == [1, 1]


def test_the_checkpoint_before_a_damaged_one_is_used(adult_income: Encoded, undisturbed: Model, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        adult_income.fit(tmp_path, **SPEC, events=StopsAfter(tmp_path, 3))
    newest = sorted((tmp_path / "checkpoints").glob("*/*"))[-1] / "tensors.safetensors"
    data = bytearray(newest.read_bytes())
    data[-100] ^= 1
    newest.write_bytes(data)
    assert numbers(adult_income.fit(tmp_path, **SPEC)) == numbers(undisturbed)


def test_a_finished_training_is_not_run_again(adult_income: Encoded, undisturbed: Model, tmp_path: Path) -> None:
    first = adult_income.fit(tmp_path, **SPEC)
    heard = Heard()
    assert adult_income.fit(tmp_path, **SPEC, events=heard) == first
    assert {kind for kind, _ in heard.events} == {"epoch"}
    assert numbers(first) == numbers(undisturbed)


def test_another_spec_in_the_same_folder_starts_anew(adult_income: Encoded, tmp_path: Path) -> None:
    adult_income.fit(tmp_path, epochs=2)
    fresh = adult_income.fit(tmp_path / "fresh", epochs=2, lr=0.02)
    assert numbers(adult_income.fit(tmp_path, epochs=2, lr=0.02)) == numbers(fresh)

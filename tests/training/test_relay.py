from __future__ import annotations

from pathlib import Path

from assay.store import Disk
from assay.training._job import JOURNAL
from assay.training._relay import Journal, Relay
from tests.training.example import Heard


def test_epochs_of_a_worker_that_starts_again_are_handed_on_once(tmp_path: Path) -> None:
    journal, heard = Journal(Disk(tmp_path)), Heard()
    relay = Relay(Disk(tmp_path), heard)
    relay.poll()
    for epoch in (1, 2, 1, 2, 3):
        journal.emit("epoch", epoch=epoch, valid_loss=0.5)
        relay.poll()
    assert heard.epochs() == [1, 2, 3]


def test_a_line_that_is_not_whole_waits(tmp_path: Path) -> None:
    path, heard = tmp_path / JOURNAL, Heard()
    relay = Relay(Disk(tmp_path), heard)
    Journal(Disk(tmp_path)).emit("epoch", epoch=1)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.replace(b"1", b"2")[:-4])
    relay.poll()
    assert heard.epochs() == [1]
    path.write_bytes(whole + whole.replace(b"1", b"2"))
    relay.poll()
    assert heard.epochs() == [1, 2]

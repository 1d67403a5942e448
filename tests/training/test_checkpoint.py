"""Checkpoints are whole or not there, on a disk and in a bucket."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from assay.errors import TrainingError
from assay.store import Bucket, Disk, Files
from assay.training import _checkpoint
from assay.training._progress import Progress

TENSORS = {"weights.w": torch.arange(6.0).view(2, 3), "best.w": torch.ones(2, 3)}
NAMES = ("tensors.safetensors", "progress.json", "manifest.json")


@pytest.fixture(params=["disk", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "disk":
        return Disk(tmp_path / "fit")
    return Bucket(request.getfixturevalue("bucket"))


def write(files: Files, *epochs: int) -> None:
    for epoch in epochs:
        _checkpoint.write(files, Progress(epoch=epoch), {**TENSORS, "loss_sum": torch.tensor(float(epoch))})


def epoch_of(files: Files) -> int:
    found = _checkpoint.newest(files)
    return found.progress.epoch if found is not None else 0


def folders(files: Files) -> list[str]:
    return sorted({name.partition("/")[0] for name in files.names()})


def test_a_checkpoint_comes_back_as_it_was_written(files: Files) -> None:
    sha256 = _checkpoint.write(files, Progress(epoch=3, update=7), TENSORS)
    found = _checkpoint.newest(files)
    assert found is not None
    assert (found.progress, found.sha256) == (Progress(epoch=3, update=7), sha256)
    assert torch.equal(found.part("weights")["w"], TENSORS["weights.w"])
    assert list(found.part("best")) == ["w"]


def test_the_last_two_are_kept(files: Files) -> None:
    write(files, 1, 2, 3, 4)
    assert folders(files) == ["000003-000000000", "000004-000000000"]


def flip(files: Files, name: str) -> None:
    data = bytearray(files.read(name))
    data[len(data) // 2] ^= 1
    files.write(name, bytes(data))


def cut(files: Files, name: str) -> None:
    data = files.read(name)
    files.write(name, data[: len(data) // 2])


def remove(files: Files, name: str) -> None:
    files.remove(name)


@pytest.mark.parametrize("harm", [flip, cut, remove])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_checkpoint_does_not_count(files: Files, harm: Callable[[Files, str], None], name: str) -> None:
    write(files, 1, 2)
    harm(files, f"000002-000000000/{name}")
    assert epoch_of(files) == 1


def test_every_byte_counts(tmp_path: Path) -> None:
    write(Disk(tmp_path), 1)
    for path in (tmp_path / "000001-000000000").iterdir():
        whole = path.read_bytes()
        for position in range(0, len(whole), 7):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
            assert _checkpoint.newest(Disk(tmp_path)) is None, (path.name, position)
        path.write_bytes(whole)
    assert epoch_of(Disk(tmp_path)) == 1


def test_a_damaged_checkpoint_is_replaced_when_training_comes_by_again(files: Files) -> None:
    write(files, 1, 2)
    flip(files, "000002-000000000/tensors.safetensors")
    write(files, 2)
    assert epoch_of(files) == 2


@pytest.mark.parametrize("n_written", [0, 1, 2])
def test_what_a_killed_writer_left_is_no_checkpoint_and_is_swept(files: Files, n_written: int) -> None:
    write(files, 1, 2)
    for name in NAMES[n_written:]:
        files.remove(f"000002-000000000/{name}")
    assert epoch_of(files) == 1
    _checkpoint.sweep(files)
    assert folders(files) == ["000001-000000000"]


def test_a_full_disk_is_a_clear_error_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    files = Disk(tmp_path)
    write(files, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # no file may grow beyond, as on a disk that is full
    try:
        with pytest.raises(TrainingError, match="could not be written"):
            _checkpoint.write(files, Progress(epoch=2), {"weights.w": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert epoch_of(files) == 1
    assert folders(files) == ["000001-000000000"]

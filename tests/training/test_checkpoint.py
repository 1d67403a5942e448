from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from assay.errors import TrainingError
from assay.training import _checkpoint
from assay.training._progress import Progress

TENSORS = {"weights.w": torch.arange(6.0).view(2, 3), "best.w": torch.ones(2, 3)}


def write(folder: Path, *epochs: int) -> None:
    for epoch in epochs:
        _checkpoint.write(folder, Progress(epoch=epoch), {**TENSORS, "loss_sum": torch.tensor(float(epoch))})


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path: Path) -> None:
    sha256 = _checkpoint.write(tmp_path, Progress(epoch=3, update=7), TENSORS)
    found = _checkpoint.newest(tmp_path)
    assert found is not None
    assert (found.progress, found.sha256) == (Progress(epoch=3, update=7), sha256)
    assert torch.equal(found.part("weights")["w"], TENSORS["weights.w"])
    assert list(found.part("best")) == ["w"]


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    write(tmp_path, 1, 2, 3, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000003-000000000", "000004-000000000"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
@pytest.mark.parametrize("name", ["tensors.safetensors", "progress.json", "manifest.json"])
def test_a_damaged_checkpoint_does_not_count(tmp_path: Path, harm: Callable[[Path], None], name: str) -> None:
    write(tmp_path, 1, 2)
    harm(tmp_path / "000002-000000000" / name)
    found = _checkpoint.newest(tmp_path)
    assert found is not None
    assert found.progress.epoch == 1


def test_every_byte_counts(tmp_path: Path) -> None:
    write(tmp_path, 1)
    for path in (tmp_path / "000001-000000000").iterdir():
        whole = path.read_bytes()
        for position in range(0, len(whole), 7):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
            assert _checkpoint.newest(tmp_path) is None, (path.name, position)
        path.write_bytes(whole)
    assert _checkpoint.newest(tmp_path) is not None


def test_a_damaged_checkpoint_is_replaced_when_training_comes_by_again(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    flip(tmp_path / "000002-000000000" / "tensors.safetensors")
    write(tmp_path, 2)
    found = _checkpoint.newest(tmp_path)
    assert found is not None
    assert found.progress.epoch == 2


def test_what_a_killed_writer_left_is_no_checkpoint_and_is_swept(tmp_path: Path) -> None:
    write(tmp_path, 1)
    shutil.copytree(tmp_path / "000001-000000000", tmp_path / ".half")
    assert len(list(tmp_path.iterdir())) == 2
    _checkpoint.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000001-000000000"]


def test_a_full_disk_is_a_clear_error_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # no file may grow beyond, as on a disk that is full
    try:
        with pytest.raises(TrainingError, match="could not be written"):
            _checkpoint.write(tmp_path, Progress(epoch=2), {"weights.w": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    found = _checkpoint.newest(tmp_path)
    assert found is not None
    assert found.progress.epoch == 1
    assert [path.name for path in tmp_path.iterdir()] == ["000001-000000000"]

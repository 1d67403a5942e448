"""A disk that is full: a small file system of its own, which the run fills."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.ledger import Ledger
from tests.faults.test_kill import check_history, finish, start

MB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_run_in_one_message_and_room_makes_it_go_on(small_disk: Path, spec_path: Path) -> None:
    home, ballast = small_disk / "home", small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - MB))  # the tables and MLflow's schema are more
    child = start(home, spec_path)
    output, errors = child.communicate(timeout=120)
    assert child.returncode == 4, output
    assert "Traceback" not in errors
    assert "No space left on device" in errors

    os.remove(ballast)
    assert finish(home, spec_path)["outcome"] == "promoted"
    check_history(home)
    assert [row.state for row in Ledger(home).runs()] == ["finished"]

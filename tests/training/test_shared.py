"""Sums through shared memory, between two real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RANK = """
import random, sys, time
from datetime import timedelta
from pathlib import Path
import torch, torch.distributed as dist
from assay.training import _shared
from assay.training._place import Place
rank, file, memory, does = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2, timeout=timedelta(seconds=30))
_shared.MEMORY = Path(memory)
add = _shared.SharedSum.open(Place(rank, 2, torch.device("cpu")), 1000)
print("opened" if add else "none", flush=True)
for number in range(10**9 if does == "endless" else 200 if add else 0):
    if does == "endless":
        print(number, flush=True)
        time.sleep(0.01)
    elif random.random() < 0.1:
        time.sleep(0.002)
    numbers = torch.rand(1000, generator=torch.Generator().manual_seed(2 * number + rank))
    add(numbers)
    ranks = [torch.rand(1000, generator=torch.Generator().manual_seed(2 * number + each)) for each in (0, 1)]
    assert torch.equal(numbers, ranks[0] + ranks[1]), number
"""
SHARED = Path("/dev/shm")

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="this machine has no /dev/shm")


def start(folder: Path, memory: list[Path], does: str = "sums") -> list[subprocess.Popen[str]]:
    folder.mkdir(exist_ok=True)
    return [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), str(folder / "meet"), str(memory[rank]), does],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]


def test_sums_are_exact_on_all_ranks_and_nothing_is_left_behind(tmp_path: Path) -> None:
    before = set(SHARED.glob("assay-*"))
    for process in start(tmp_path, [SHARED, SHARED]):
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (0, "opened\n"), errors
    assert set(SHARED.glob("assay-*")) <= before


def test_ranks_that_see_different_memory_do_without_it_all_of_them(tmp_path: Path) -> None:
    for process in start(tmp_path, [SHARED, tmp_path]):
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (0, "none\n"), errors


def test_a_rank_whose_peer_is_killed_does_not_wait(tmp_path: Path) -> None:
    left, killed = start(tmp_path, [SHARED, SHARED], "endless")
    assert killed.stdout is not None
    while killed.stdout.readline() != "20\n":
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    at = time.monotonic()
    _, errors = left.communicate(timeout=30)
    killed.communicate()
    assert "another rank went away" in errors
    assert "DistNetworkError" in errors
    assert time.monotonic() - at < 25, "gloo by itself would wait for half an hour"

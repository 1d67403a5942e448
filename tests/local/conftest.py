"""One pair of servers for all tests here: real processes, on whatever ports are free, gone at the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from assay import local
from assay.local import Server


@dataclass(frozen=True)
class Pair:
    home: Path
    first: tuple[Server, ...]
    second: tuple[Server, ...]

    def __getitem__(self, name: str) -> Server:
        return next(server for server in self.first if server.name == name)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Servers that two callers asked for at the same moment."""
    home = tmp_path_factory.mktemp("home")
    with ThreadPoolExecutor(2) as callers:
        first, second = callers.map(local.up, (home, home))
    yield Pair(home, first, second)
    local.down(home)
    assert processes_of(home) == []


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that was started for `home`, wherever it hangs in the tree."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ASSAY_SERVER_OF") == str(home.resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found

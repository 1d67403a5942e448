"""Three seeded histories of 20 faults; `benchmarks/histories.py` does as many as are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.history import live


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_twenty_faults_nothing_is_lost_doubled_or_left(seed: int, tmp_path: Path, spec_path: Path) -> None:
    history, wrong = live(tmp_path, spec_path, seed, n_faults=20)
    assert wrong == [], history.did

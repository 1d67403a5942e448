"""Files as windows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay import monitoring
from assay.errors import DataError

START = datetime(2026, 1, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of 36 hours each."""
    for i in range(2):
        times = [START + timedelta(hours=36 * i + k) for k in range(36)]
        pq.write_table(pa.table({"x": range(36 * i, 36 * i + 36), "at": times}), tmp_path / f"{i}.parquet")
    return tmp_path


def cut(folder: Path, **how: object) -> list[tuple[str, int]]:
    pieces = monitoring.cut([str(folder)], folder, **how)  # type: ignore[arg-type]
    return [(piece.name.rpartition(": ")[2], len(monitoring.table_of(piece))) for piece in pieces]


def test_a_window_is_a_file_so_many_rows_or_a_time(folder: Path) -> None:
    assert cut(folder) == [("0.parquet", 36), ("1.parquet", 36)]
    assert cut(folder, rows=30) == [("rows 1 to 30", 30), ("rows 31 to 60", 30)]
    assert cut(folder, time="at", every="day") == [("2026-01-30", 24), ("2026-01-31", 24), ("2026-02-01", 24)]
    assert cut(folder, time="at", every="month") == [("2026-01", 48), ("2026-02", 24)]


def test_the_digest_of_a_day_does_not_hang_on_the_files_beside_it(folder: Path) -> None:
    both = monitoring.cut([str(folder)], folder, time="at")
    one = monitoring.cut([str(folder / "0.parquet")], folder, time="at")
    assert both[0].sha256 == one[0].sha256
    assert both[1].sha256 != one[1].sha256  # of which one has half


def test_what_cannot_be_cut_is_said(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'att'.*Did you mean 'at'"):
        cut(folder, time="att")
    with pytest.raises(DataError, match="no window of 100"):
        cut(folder, rows=100)
    pq.write_table(pa.table({"at": ["never"]}), folder / "2.parquet")
    with pytest.raises(DataError, match="holds no times"):
        monitoring.cut([str(folder / "2.parquet")], folder, time="at")

"""Scoring as a flow run of Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay import local, tracking


def test_a_scoring_is_a_flow_run_and_answers_every_row(home: Path, first: Any, ask: Any, tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from assay_flows.score import assay_score

    data = first.spec.parent / "small.parquet"
    with temporary_settings({PREFECT_API_URL: local.find_api(home)}):
        uri = tracking.destination(home, None)
        found = assay_score("first_run@champion", str(data), str(tmp_path / "out"), str(home), uri)
    n_rows = pq.read_metadata(data).num_rows
    assert found["n_rows"] == n_rows
    assert sum(pq.read_metadata(path).num_rows for path in (tmp_path / "out").glob("*.parquet")) == n_rows
    (run,) = [run for run in ask("flow_runs") if run["parameters"].get("model") == "first_run@champion"]
    assert run["state_type"] == "COMPLETED"

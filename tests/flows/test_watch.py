"""Watching as a flow run of Prefect, with the training that it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from assay import local, tracking
from assay.ledger import Ledger

from .conftest import SPEC, Ask, First
from .test_train import tasks

pytestmark = pytest.mark.filterwarnings("ignore:.*noload:DeprecationWarning")  # of MLflow's own queries


def test_a_watch_that_fires_is_a_completed_flow_run_whose_tasks_are_the_stages_of_the_training(
    home: Path, first: First, ask: Ask, adult: pa.Table, tmp_path: Path
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from assay_flows.watch import assay_watch

    spec = first.spec.with_name("watched.yaml")
    spec.write_text(SPEC.replace("name: first_run", "name: trained_anew"))
    rows = adult.filter(pc.greater(adult["age"], 45)).drop_columns("income")
    windows = [tmp_path / f"old{number}.parquet" for number in range(2)]
    for number, path in enumerate(windows):
        chosen = np.random.default_rng(number).choice(len(rows), 800, replace=False)
        pq.write_table(rows.take(pa.array(chosen)), path)
    with temporary_settings({PREFECT_API_URL: local.find_api(home)}):
        uri = tracking.destination(home, None)
        data = [str(path) for path in windows]
        state: Any = assay_watch("first_run/1", data, str(home), uri, str(spec), return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", "Fires")
    (run,) = [each for each in ask("flow_runs") if each["parameters"].get("model") == "first_run/1"]
    assert (run["name"], run["state_name"]) == ("first_run/1", "Fires")
    (trained,) = [row for row in Ledger(home).runs() if row.name == "trained_anew"]
    assert trained.state == "finished"
    assert {"train", "decide", "register"} <= tasks(ask, run["id"]).keys()
    (told,) = ask("artifacts", artifacts={"flow_run_id": {"any_": [run["id"]]}})
    assert "Moved: age" in told["data"]
    assert f"trained anew: run `{trained.run_id}`" in told["data"]

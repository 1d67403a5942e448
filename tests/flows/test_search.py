"""A search as a Prefect flow."""

from __future__ import annotations

from pathlib import Path

import assay_flows
from assay import local
from tests.tuning.example import with_tune

from .conftest import Ask
from .test_train import flow_run, tasks


def test_a_search_is_a_flow_run_whose_stages_are_tasks(spec_path: Path, home: Path, ask: Ask) -> None:
    path = with_tune(spec_path).rename(spec_path.with_name("searched.yaml"))
    api = local.find_api(home)
    assert api is not None
    result = assay_flows.run_search(path, api=api, home=home)
    shown = flow_run(ask, name={"any_": ["searched"]})
    best = result.search.best
    assert (shown["state_type"], shown["state_name"]) == ("COMPLETED", "Searched")
    assert shown["state"]["message"] == f"trial {best.number}: roc_auc {best.score:.4f}"
    assert set(tasks(ask, shown["id"])) == {"ingest", "validate", "split", "tune"}

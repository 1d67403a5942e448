"""The scoring flow: `assay predict` as a flow run, for a deployment that scores on a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, runtime
from prefect.logging import get_run_logger

from assay import pipeline, serving
from assay.artifacts import as_data
from assay.ledger import Ledger, find_home
from assay_flows import _crashes


@flow(name=_crashes.FLOWS[2], persist_result=False, result_serializer="json", validate_parameters=False)
def assay_score(
    model: str, data: str, out: str, home: str | None = None, uri: str | None = None, keep: list[str] | None = None
) -> dict[str, Any]:
    """Predict every row of a table with a registered model. Run again after a kill, it goes on where it was.

    `{date}` in `out` is the day for which the run was scheduled, so that each one has a folder of its own.
    """
    logger, state = get_run_logger(), Path(home) if home else find_home()
    where = serving.Where(uri=uri or pipeline.registry_uri(state), home=state, store=Ledger(state).store)
    day = f"{runtime.flow_run.scheduled_start_time:%Y-%m-%d}"
    with _crashes.heartbeat():
        scored = serving.score(
            model,
            Path(data),
            Path(out.replace("{date}", day)),
            where,
            keep=tuple(keep or ()),
            told=lambda n_rows: logger.info("%d rows are answered", n_rows),
        )
    answer: dict[str, Any] = as_data(scored)
    return answer

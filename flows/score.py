"""The scoring flow: `assay predict` as a flow run, for a deployment that scores on a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from assay import serving
from assay.artifacts import as_data
from assay.ledger import Ledger


@flow(name="assay-score", persist_result=False, result_serializer="json", validate_parameters=False)
def assay_score(model: str, data: str, out: str, home: str, uri: str, keep: list[str] | None = None) -> dict[str, Any]:
    """Predict every row of a table with a registered model. Run again after a kill, it goes on where it was."""
    logger = get_run_logger()
    where = serving.Where(uri=uri, home=Path(home), store=Ledger(Path(home)).store)
    scored = serving.score(
        model,
        Path(data),
        Path(out),
        where,
        keep=tuple(keep or ()),
        told=lambda n_rows: logger.info("%d rows are answered", n_rows),
    )
    answer: dict[str, Any] = as_data(scored)
    return answer

"""The audit of the data alone: the chain, walked until its checks are there, and no further."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from assay import data, reporting
from assay.artifacts import DataAudit, Preflight, Silent
from assay.errors import DataAuditFailed
from assay.ledger import Ledger
from assay.pipeline import _trials
from assay.pipeline._chain import chain
from assay.pipeline._links import Surroundings
from assay.pipeline._steps import ByKey, Progress, Step, cached, direct
from assay.spec import Spec
from assay.spec.evidence import DataAuditSpec


class _Reached(Exception):
    """The chain has come as far as it should."""


def audit_data(spec: Spec, ledger: Ledger, table: Any) -> tuple[DataAudit, Preflight]:
    """See `assay.pipeline.audit_data`."""
    if spec.audit.data is None:  # all of it measured, and nothing bounded
        asking = spec.audit.model_copy(update={"data": DataAuditSpec()})
        spec = spec.model_copy(update={"audit": asking})
    spec = spec.model_copy(update={"tune": None})  # the data are the same whatever a search would find
    silent = Silent()
    progress = Progress(ledger=ledger, name=spec.name, run_id="", root=spec.root, events=silent)
    results: dict[str, Any] = {}
    around = Surroundings(
        home=ledger.home,
        store=ledger.store,
        events=silent,
        checkpoints=ByKey(ledger.home / "checkpoints"),
        find_champion=lambda model: (None, ""),
        look=lambda fold, model: 0,
        tracking_run=str,
        pages=reporting.Pages,
        uri="",
        server="",
        searches=ByKey(ledger.home / "searches"),
        trainer=lambda snapshot, folds: _trials.trainer(spec, ledger.home, "", snapshot, folds),
        table=table,
    )
    source, step = data.fingerprint(spec.data, spec.root, table), _until(cached(direct, progress), results)
    with suppress(_Reached, DataAuditFailed):
        chain(spec, source, step, around)
    return results["audit-data"], results["preflight"]


def _until(step: Step, results: dict[str, Any]) -> Step:
    def call(stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
        if stage == "encode":
            raise _Reached
        results[stage] = step(stage, function, *args, **surroundings)
        return results[stage]

    return call

"""Runs the chain: holds the run's lock, keeps its event log, relays it to MLflow, and says what it came to.

Why this shape: the chain (`_chain.py`) is a plain function of a spec and of a *step*, the way in which a stage is
called. So the same chain runs in a test, from the cache, as a Prefect flow and, with a step that runs nothing, as a
plan; no stage knows which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from assay import data, tracking
from assay.artifacts import DataAudit, Preflight
from assay.errors import AssayError, Mistake, SpecError
from assay.ledger import Ledger, RunRow, find_home
from assay.monitoring import Every
from assay.pipeline import _check, _crashes, _data_audit, _fits, _mitigation, _plan, _pretrained, _run
from assay.pipeline._check import Checked
from assay.pipeline._steps import Step
from assay.pipeline._types import (
    Plan,
    PlannedStage,
    Retrained,
    RunComparison,
    RunResult,
    SearchResult,
    StageRecord,
    WatchResult,
)
from assay.spec import Spec, loading

__all__ = [
    "Checked", "Plan", "PlannedStage", "Retrained", "RunComparison", "RunResult", "SearchResult", "StageRecord", "Step",
    "WatchResult", "audit_data", "check", "compare", "finish_pending", "plan", "reconcile", "registry_uri", "run",
    "search", "watch",
]  # fmt: skip

Listener = Callable[[dict[str, Any]], None]


def check(path: str | Path, overrides: Sequence[str] = (), *, query: bool = False) -> Checked:
    """Every mistake in the spec at `path`, those that only a glance at its data can tell included. Runs nothing.

    A Parquet footer or the first block of a CSV file is read, and small columns whose values the spec names. The query
    of a database is run only if `query` says so.
    """
    return _check.check(path, overrides, query)


def plan(spec: Spec | str | Path, *, home: Path | None = None, table: Any = None) -> Plan:
    """Which stages a run would run or reuse now, and why. Runs nothing and asks no server.

    Raises SpecError for what a glance at the data tells is wrong.
    """
    spec = _read(spec)
    if table is None:
        _fits.check_source(spec)
    ledger = Ledger(home or find_home())
    spec = _pretrained.pinned(spec, ledger, ask=False)
    source = data.fingerprint(spec.data, spec.root, table)
    warning = _plan.worker_warning(spec, ledger)
    return Plan(
        name=spec.name,
        stages=_plan.planned(spec, source, ledger, table),
        gates=tuple(f"{gate.gate}: " + ", ".join(f"{k} {v}" for k, v in gate.options.items()) for gate in spec.gates),
        warnings=(*_mitigation.notes(spec), *((warning,) if warning else ())),
    )


def run(
    spec: Spec | str | Path,
    *,
    home: Path | None = None,
    listen: Listener | None = None,
    wrap: Callable[[Step], Step] | None = None,
    fresh: bool = False,
    table: Any = None,
) -> RunResult:
    """Take real data to a decision, and to a registered model.

    `spec` is a spec or the path of one; `home` is the state folder (default: `find_home()`); `listen` hears every event
    as it happens; `wrap` goes around the step, e.g. to make each stage a task of a flow; `fresh` runs every stage anew;
    `table` is a pandas or Arrow table in place of the spec's data source. Finished stages are reused; an unfinished run
    of the same spec on the same data is taken up where it ended.

    Raises AssayError: SpecError when nothing has run, ValidationFailed when the data are not what the spec expects,
    LockedError when the same run is going on elsewhere.
    """
    return _run.run(_read(spec), Ledger(home or find_home()), listen, wrap, fresh, table)


def _read(spec: object) -> Spec:
    if isinstance(spec, str | Path):
        return loading.load_spec(spec)
    if not isinstance(spec, Spec):
        found = f"a {type(spec).__name__}"
        raise SpecError.of([Mistake(where="spec", found=found, allowed="a path, or what `assay.load_spec` returns")])
    return spec


def audit_data(spec: Spec, *, home: Path | None = None, table: Any = None) -> tuple[DataAudit, Preflight]:
    """Audit the data of `spec` as a run would before it trains, whether or not the spec asks for it. Trains nothing."""
    return _data_audit.audit_data(spec, Ledger(home or find_home()), table)


def reconcile(*, home: Path | None = None) -> tuple[RunRow, ...]:
    """Write down the end of runs whose process died without doing so, and mark them failed in MLflow.

    The same command takes such a run up again, in the same MLflow run. Gives the runs that had no end. Every `run` does
    this for the others; an MLflow that does not answer now is told by `tracking.sync`.
    """
    return _crashes.reconcile(Ledger(home or find_home()))


def search(
    spec: Spec,
    *,
    home: Path | None = None,
    listen: Listener | None = None,
    wrap: Callable[[Step], Step] | None = None,
    fresh: bool = False,
) -> SearchResult:
    """Search only: data to the spec of the best trial. `run` of the same spec then finds the search done.

    Raises what `run` raises, and SpecError for a spec without `tune`.
    """
    from assay.pipeline import _searching

    return _searching.run(spec, Ledger(home or find_home()), listen, wrap, fresh)


def registry_uri(home: Path) -> str:
    """The MLflow in which a run with that state folder registers its model."""
    return tracking.destination(home, None)


def watch(
    model: str,
    data: Sequence[str],
    *,
    rows: int = 0,
    time: str = "",
    every: Every = "day",
    labels: str = "",
    id: str = "",
    overrides: Sequence[str] = (),
    train: Callable[[], RunResult] | None = None,
    home: Path | None = None,
    uri: str = "",
) -> WatchResult:
    """Hold windows of later rows against what a model version was trained on, and say whether that asks for training.

    `model` is `NAME@ALIAS` or `NAME/NUMBER`; `data` are cut into windows as `monitoring.cut` says; `labels` is a table
    that is joined by the column `id`. `overrides` change words of the spec's `monitoring`, as `alpha=0.05`. `train` is
    called once where the rule fires, and never twice for the same windows.

    Raises AssayError: RegistryError for a version that does not load, DataError for data that cannot be read or have
    none of its columns, LockedError when another process watches the same version.
    """
    from assay.pipeline import _labels, _watch

    ledger = Ledger(home or find_home())
    cutting = {"rows": rows, "time": time, "every": every}
    asked = _watch.Asked(
        model=model, data=tuple(data), cutting=cutting, labels=_labels.labels_of(labels, id, Path.cwd()),
        overrides=tuple(overrides), train=train, uri=uri or tracking.destination(ledger.home, None),
    )  # fmt: skip
    return _watch.watch(asked, ledger)


def compare(first: str, second: str, *, home: Path | None = None) -> RunComparison:
    """Put two decided runs beside each other: their specs, their metrics on test rows, their gates. Trains nothing.

    Raises AssayError for runs that are not there or have come to no decision, StoreError where predictions are gone.
    """
    from assay.pipeline import _compare

    return _compare.compare(first, second, Ledger(home or find_home()))


def finish_pending(*, home: Path | None = None) -> Iterator[tuple[RunRow, RunResult | AssayError]]:
    """Run again what could not reach its registry: every stage is reused, and the model is compared and registered.

    Gives each such run with its result, or with why it still is not finished.
    """
    ledger = Ledger(home or find_home())
    for row in ledger.runs():
        if row.state == "pending":
            try:
                yield row, run(loading.load_spec(row.spec_path, row.overrides), home=ledger.home)
            except AssayError as error:
                yield row, error

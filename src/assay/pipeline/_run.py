"""One run: its lock, its state in the ledger, its event log, its relay to MLflow, and its end, whatever that is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from assay import data, evaluation, registry, tracking, tuning
from assay.artifacts import Events, Source, as_data, sha256_of
from assay.errors import AssayError, Cancelled, TrackingError
from assay.ledger import EventLog, Ledger, RunRow
from assay.pipeline import _champion, _crashes, _fits, _keys, _looks, _mitigation, _plan, _pretrained, _trials, _warm
from assay.pipeline._chain import chain
from assay.pipeline._environment import commit_of, environment
from assay.pipeline._links import Links, Surroundings
from assay.pipeline._steps import ByKey, Later, Progress, Step, cached, direct, recorded
from assay.pipeline._types import Outcome, RunResult
from assay.reporting import Pages
from assay.spec import Spec, loading

OUTCOMES: dict[str, Outcome] = {"promote": "promoted", "refuse": "refused", "inconclusive": "inconclusive"}
Listener = Callable[[dict[str, Any]], None]
Wrap = Callable[[Step], Step]
MAX_REASON = 2000
PLUGINS_OF = {
    "ingest": ("source",),
    "split": ("splitter",),
    "tune": ("algorithm", "scheduler"),
    "train": ("model",),
    "groups": ("mitigation",),
    "decide": ("gate",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Events that are heard and not kept: for a run in which nothing has to be done."""

    listen: Listener | None

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Tell the listener."""
        if self.listen is not None:
            self.listen({"kind": kind, "time": time.time(), **fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `pipeline.run` was asked for."""

    spec: Spec
    source: Source
    ledger: Ledger
    listen: Listener | None
    wrap: Wrap | None
    fresh: bool
    table: Any
    uri: str


def run(spec: Spec, ledger: Ledger, listen: Listener | None, wrap: Wrap | None, fresh: bool, table: Any) -> RunResult:
    """See `assay.pipeline.run`."""
    start = time.perf_counter()
    if table is None:
        _fits.check_source(spec)
    spec = _pretrained.pinned(spec, ledger)
    source = data.fingerprint(spec.data, spec.root, table)
    uri = tracking.destination(ledger.home, spec.tracking.uri)
    asked = Asked(spec=spec, source=source, ledger=ledger, listen=listen, wrap=wrap, fresh=fresh, table=table, uri=uri)
    waiting = {stage.name for stage in _plan.planned(spec, source, ledger, table) if stage.will_run or fresh}
    if waiting:
        # Only of stages that will run: the options of a family import torch, which an edited gate need not wait for.
        loading.check_options(spec, [kind for stage in waiting for kind in PLUGINS_OF.get(stage, ())])
        if "tune" in waiting:
            tuning.check(spec)
        _warm.up(spec, waiting)
    overrides = tuple(registry.without_passwords(override) for override in spec.overrides)  # they are kept
    run_key = sha256_of(_keys.text_of(spec), source.sha256)
    _crashes.reconcile(ledger, but=run_key)
    with ledger.lock(f"run-{run_key}", wait_s=0.5, doing=f"the run of {spec.name!r} on the same data"):
        known = ledger.find(run_key)
        if not waiting and known is not None and known.state == "finished":
            links, progress = _walk(asked, known.run_id, Heard(listen=listen), lambda: known.mlflow_run_id, Pages)
            return _result(asked, known, links, progress, start)
        return _observed(asked, ledger.begin(spec.name, run_key, str(spec.root / spec.file), overrides), start)


def _observed(asked: Asked, row: RunRow, start: float) -> RunResult:
    """The run with its event log, its relay and its end in the ledger."""
    ledger = asked.ledger
    with observed(asked, row) as (events, relay):
        links, progress = _walk(asked, row.run_id, events, relay.run_id, lambda: _pages(asked, relay))
        result = _result(asked, row, links, progress, start)
        events.emit("run_ended", state="finished", outcome=result.outcome, reason=result.decision.reason)
    row = ledger.run(row.run_id)
    state = "pending" if result.pending else "finished"
    ledger.save(replace(row, state=state, ended=time.time(), outcome=result.outcome, reason=result.decision.reason))
    warnings = result.warnings + unsent(relay)
    return replace(result, mlflow_run_id=row.mlflow_run_id, mlflow_url=relay.url, warnings=warnings)


@contextmanager
def observed(asked: Asked, row: RunRow) -> Iterator[tuple[EventLog, tracking.Relay]]:
    """Keep the event log of a run, relay it, and write down its end where it does not reach one of its own."""
    ledger, folder = asked.ledger, asked.ledger.folder(row.run_id)
    events = EventLog(folder / "events.jsonl", (asked.listen,) if asked.listen is not None else ())
    relay = tracking.Relay(folder, uri=asked.uri, home=ledger.home, store=ledger.store)
    try:
        events.emit("run_started", **_started(asked, row))
        with relay, _ended(ledger, row, events), tracking.Sampler(events, asked.spec.tracking.system_metrics_every_s):
            yield events, relay
    finally:
        events.close()
        row = ledger.run(row.run_id)
        ledger.save(replace(row, mlflow_run_id=relay.mlflow_run_id, mlflow_experiment_id=relay.experiment_id))


def unsent(relay: tracking.Relay) -> tuple[str, ...]:
    """A warning when MLflow has not taken everything."""
    return (f"{relay.problem}. `assay sync` sends the rest.",) if relay.problem else ()


@contextmanager
def _ended(ledger: Ledger, row: RunRow, events: EventLog) -> Iterator[None]:
    """Write down the end of a run that did not reach its own: it failed, or somebody ended it."""
    try:
        yield
    except BaseException as error:
        cancelled = isinstance(error, Cancelled | KeyboardInterrupt)
        state, reason = ("cancelled", "somebody ended it") if cancelled else ("failed", _reason(error))
        events.emit("run_ended", state="killed" if cancelled else "failed", outcome="", reason=reason)
        ledger.save(replace(row, state=state, ended=time.time(), reason=reason))
        raise


def _reason(error: BaseException) -> str:
    text = str(error) if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
    return text if len(text) < MAX_REASON else text[:MAX_REASON] + "…"


def _started(asked: Asked, row: RunRow) -> dict[str, Any]:
    spec = asked.spec
    return {
        "run_id": row.run_id,
        "name": spec.name,
        "experiment": spec.tracking.experiment or spec.name,
        "spec": tracking.redacted(spec.model_dump(mode="json", by_alias=True)),
        "environment": environment(),
        "git": {"commit": commit_of(spec.root)},
        "source": as_data(asked.source),
    }


def _pages(asked: Asked, relay: tracking.Relay) -> Pages:
    """Where MLflow shows this run and its model; nothing where it does not answer."""
    try:
        run_id, name = relay.run_id(), asked.spec.registered_name
    except TrackingError:
        return Pages()
    return Pages(run_id=run_id, run=relay.url, model_name=name, model=tracking.model_url(asked.uri, name))


def _walk(
    asked: Asked, run_id: str, events: Events, tracking_run: Callable[[], str], pages: Callable[[], Pages]
) -> tuple[Links, Progress]:
    """Walk the chain: each stage looked up, run where it has to be, committed and written down."""
    step, progress = steps(asked, run_id, events)
    return chain(asked.spec, asked.source, step, surroundings(asked, run_id, events, tracking_run, pages)), progress


def steps(asked: Asked, run_id: str, events: Events) -> tuple[Step, Progress]:
    """How the stages of a run are called, and what the steps know together."""
    spec = asked.spec
    progress = Progress(
        ledger=asked.ledger, name=spec.name, run_id=run_id, root=spec.root, events=events, fresh=asked.fresh
    )
    step: Step = recorded(cached(direct, progress), progress)
    return asked.wrap(step) if asked.wrap else step, progress


def surroundings(
    asked: Asked, run_id: str, events: Events, tracking_run: Callable[[], str], pages: Callable[[], Pages] = Pages
) -> Surroundings:
    """What the stages of a run need around them."""
    spec, ledger = asked.spec, asked.ledger
    return Surroundings(
        home=ledger.home,
        store=ledger.store,
        events=events,
        checkpoints=ByKey(ledger.home / "checkpoints"),
        find_champion=lambda model: _champion.find(spec, model.sha256, asked.uri, ledger),
        look=lambda fold, model: ledger.look(_looks.fold_digest(fold), model.sha256),
        tracking_run=tracking_run,
        pages=pages,
        uri=asked.uri,
        server=tracking.server(ledger.home, spec.tracking.uri),
        searches=ByKey(ledger.home / "searches"),
        trainer=lambda snapshot, folds: _trials.trainer(spec, ledger.home, run_id, snapshot, folds),
        weights=Later(lambda: _pretrained.weights(spec, ledger)),
        table=asked.table,
    )


def _result(asked: Asked, row: RunRow, links: Links, progress: Progress, start: float) -> RunResult:
    decision, evidence, store = links.judged.decision, links.judged.evidence, asked.ledger.store
    return RunResult(
        run_id=row.run_id,
        name=asked.spec.name,
        outcome="inconclusive" if links.pending else OUTCOMES[decision.outcome],
        decision=decision,
        evaluation=evidence.evaluation,
        findings=evidence.findings,
        leaks=links.trained.leaks,
        validation=links.read.validation,
        calibration=links.trained.calibration,
        model=links.trained.model,
        snapshot=links.read.snapshot,
        folds=links.read.folds,
        report=links.told.report,
        registered=links.registered,
        stages=tuple(progress.records),
        seconds=time.perf_counter() - start,
        n_looks=len(asked.ledger.looks(_looks.fold_digest(links.judged_on))),
        review_path=str(store.path(links.told.report.review)),
        asked_metrics=tuple(dict.fromkeys(str(gate.options.get("metric", "")) for gate in asked.spec.gates)),
        mlflow_run_id=row.mlflow_run_id,
        mlflow_url=tracking.run_url(asked.uri, row.mlflow_experiment_id, row.mlflow_run_id),
        pending=links.pending,
        warnings=(*_warnings(links), *_mitigation.notices(asked.spec)),
        search=links.search,
        search_path=str(store.path(links.search_report.review)) if links.search_report else "",
    )


def _warnings(links: Links) -> tuple[str, ...]:
    found = [f"{probe.name}: {probe.detail}" for probe in links.trained.leaks.probes if probe.suspicious]
    found += [
        f"expectation {result.expectation} of {result.column} does not hold ({result.n_unexpected:,} rows)"
        for result in links.read.validation.results
        if not result.passed
    ]
    if links.read.folds.n_dropped:
        found.append(f"{links.read.folds.n_dropped:,} rows without a target are left out")
    if links.trained.on_test.n_unseen:
        found.append(f"{links.trained.on_test.n_unseen:,} values of the test rows were never seen in training")
    if limit := evaluation.temperature_limit(links.trained.calibration):
        found.append(limit)
    if links.pending:
        found.append(f"Not registered: {links.pending} `assay sync` registers it later.")
    return (*links.trained.model.preprocessing.notes, *found)

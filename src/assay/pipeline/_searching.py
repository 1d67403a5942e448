"""A run that ends with the search: the chain up to there, with a run's lock, log and relay."""

from __future__ import annotations

import time
from dataclasses import replace

from assay import data, registry, tracking, tuning
from assay.artifacts import Search, sha256_of
from assay.errors import Mistake, SpecError
from assay.ledger import Ledger
from assay.pipeline import _keys, _pretrained, _search
from assay.pipeline._chain import read
from assay.pipeline._run import Asked, Listener, Wrap, observed, steps, surroundings, unsent
from assay.pipeline._types import SearchResult
from assay.spec import Spec, loading

KINDS = ("source", "splitter", "model", "algorithm", "scheduler")


def run(spec: Spec, ledger: Ledger, listen: Listener | None, wrap: Wrap | None, fresh: bool) -> SearchResult:
    """See `assay.pipeline.search`."""
    start = time.perf_counter()
    if spec.tune is None:
        found, allowed = "no `tune`", "`tune: {space: {training.lr: {log_uniform: [1.0e-4, 1.0e-2]}}}`"
        raise SpecError.of([Mistake(where=spec.file, found=found, allowed=allowed)])
    loading.check_options(spec, KINDS)
    tuning.check(spec)
    spec = _pretrained.pinned(spec, ledger)
    source = data.fingerprint(spec.data, spec.root, None)
    uri = tracking.destination(ledger.home, spec.tracking.uri)
    asked = Asked(spec=spec, source=source, ledger=ledger, listen=listen, wrap=wrap, fresh=fresh, table=None, uri=uri)
    run_key = sha256_of("search", _keys.text_of(spec), source.sha256)
    with ledger.lock(f"run-{run_key}", wait_s=0.5, doing=f"the search of {spec.name!r} on the same data"):
        overrides = tuple(registry.without_passwords(override) for override in spec.overrides)
        row = ledger.begin(spec.name, run_key, str(spec.root / spec.file), overrides)
        with observed(asked, row) as (events, relay):
            step, progress = steps(asked, row.run_id, events)
            around = surroundings(asked, row.run_id, events, relay.run_id)
            of_data = read(spec, source, step, around)
            search = _search.searched(spec, of_data, step, around)
            assert search is not None
            reason = told(search)
            events.emit("run_ended", state="finished", outcome="searched", reason=reason)
        written = ledger.store.put(loading.as_written(tuning.winner(spec, search)).encode(), "winner.yaml")
        row = ledger.run(row.run_id)
        ledger.save(replace(row, state="finished", ended=time.time(), outcome="searched", reason=reason))
    return SearchResult(
        run_id=row.run_id,
        name=spec.name,
        search=search,
        spec_path=str(ledger.store.path(written)),
        seconds=time.perf_counter() - start,
        reused=progress.records[-1].reused,
        mlflow_run_id=row.mlflow_run_id,
        mlflow_url=relay.url,
        warnings=unsent(relay),
    )


def told(search: Search) -> str:
    """What came of the search, in a sentence."""
    best = search.best
    return f"Trial {best.number} of {len(search.trials)} is best: {search.metric} {best.score:.4f} of the valid fold."

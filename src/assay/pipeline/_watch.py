"""Windows of later rows against what a model version was trained on: looked at, judged, written down, told.

What has been looked at stands in the ledger, under the version that it was about. So a schedule that brings one window
a day is judged by the days before, and a retraining that windows have led to is not begun again by the same ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay import inference, monitoring, registry, reporting, tracking
from assay.artifacts import Reference, Watched, Window, as_data, from_json, to_json
from assay.errors import AssayError
from assay.ledger import Ledger
from assay.pipeline import _labels
from assay.pipeline._types import Retrained, RunResult, WatchResult
from assay.registry import Version
from assay.spec.monitoring import Rules, changed

ROWS = 16_384  # that are predicted at a time
BEGUN, DONE = "begun", "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `pipeline.watch` was asked for."""

    model: str
    data: tuple[str, ...]
    cutting: Mapping[str, Any]
    labels: _labels.Labels | None
    overrides: tuple[str, ...]
    train: Callable[[], RunResult] | None
    uri: str


def watch(asked: Asked, ledger: Ledger) -> WatchResult:
    """See `assay.pipeline.watch`."""
    version = registry.load(asked.model, uri=asked.uri, home=ledger.home, store=ledger.store)
    reference, rules = _compared_with(version, asked.overrides)
    pieces = monitoring.cut(asked.data, Path.cwd(), **asked.cutting)
    note = monitoring.note_of(version.name, version.number)
    with ledger.lock(note, doing=f"a watch of {version.name} version {version.number}"):
        known = _Known.read(ledger, note)
        windows = tuple(_windows(pieces, asked, version, reference, rules, known, ledger))
        watched = monitoring.judged(version.name, version.number, windows, rules.monitoring, known.after)
        known = replace(known, windows=windows)
        known.write(ledger, note, watched)
        page = reporting.watch_report(watched, reference, store=ledger.store).review
        told = tracking.watched(watched, ledger.store.path(page), uri=asked.uri, home=ledger.home)
        retrained = _retrained(asked.train, watched, known, ledger, note)
    return WatchResult(
        watched=watched,
        page=str(ledger.store.path(page)),
        mlflow_url=told.url,
        problem=told.problem,
        retrained=retrained,
        gauges=monitoring.prometheus(watched),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the ledger knows of a version's windows. Those up to number `after` have led to a retraining, which `state`
    is the state of.
    """

    windows: tuple[Window, ...] = ()
    after: int = 0
    state: str = ""

    @classmethod
    def read(cls, ledger: Ledger, note: str) -> _Known:
        noted = ledger.noted(note) or {}
        windows = tuple(from_json(Window, to_json(each)) for each in noted.get("windows", ()))
        return cls(windows=windows, after=noted.get("after", 0), state=noted.get("state", ""))

    def write(self, ledger: Ledger, note: str, watched: Watched) -> None:
        data = as_data(self) | {"gauges": monitoring.prometheus(watched), "time": time.time()}
        ledger.note(note, data)


def _compared_with(version: Version, overrides: Sequence[str]) -> tuple[Reference, Rules]:
    if version.reference is None:
        raise AssayError(
            f"{version.name} version {version.number} was registered without a reference to compare with, by an "
            "earlier assay. Allowed: a version that was trained since; `assay run` makes one."
        )
    return version.reference, changed(version.rules, overrides)


def _windows(
    pieces: Sequence[Any], asked: Asked, version: Version, reference: Reference, rules: Rules, known: _Known,
    ledger: Ledger,
) -> Iterator[Window]:  # fmt: skip
    """Those that are known already, looked at anew where they are among `pieces`, and the new ones after them."""
    predictor = inference.predictor(version.model, version.calibration, store=ledger.store)
    found: dict[str, Window] = {}
    for piece in pieces:
        table = _predicted(_own(monitoring.table_of(piece), version), predictor)
        labelled = _labels.labelled(table, asked.labels, predictor, rules)
        window = monitoring.compared(table, reference, rules.monitoring, piece, labelled, store=ledger.store)
        found[piece.name] = window
    numbers = {window.name: window.number for window in known.windows}
    for window in known.windows:
        yield replace(found.get(window.name, window), number=window.number)
    last = max(numbers.values(), default=0)
    for name in found:
        if name not in numbers:
            last += 1
            yield replace(found[name], number=last)


def _own(table: pa.Table, version: Version) -> pa.Table:
    """The rows that this version has answered, where the table says who did."""
    import pyarrow.compute as pc

    if monitoring.VERSION not in table.column_names:
        return table
    return table.filter(pc.equal(table[monitoring.VERSION], version.number))


def _predicted(table: pa.Table, predictor: inference.Predictor) -> pa.Table:
    """The table with predictions, where it has none and all that they are made of."""
    inputs = [column.name for column in predictor.model.preprocessing.inputs]
    if monitoring.PREDICTED in table.column_names or not set(inputs) <= set(table.column_names) or not len(table):
        return table
    target, parts = predictor.target, []
    for start in range(0, len(table), ROWS):
        found = predictor(table.slice(start, ROWS))
        y_hat = found.y_hat if target.task == "regression" else [target.classes[k] for k in found.y_hat]
        columns = {monitoring.PREDICTED: pa.array(y_hat)}
        if found.p_BO is not None:
            columns |= {f"p_{name}": pa.array(found.p_BO[:, k]) for k, name in enumerate(target.classes)}
        parts.append(pa.table(columns))
    predictions = pa.concat_tables(parts)
    for name in predictions.column_names:
        table = table.append_column(name, predictions[name])
    return table


def _retrained(
    train: Callable[[], RunResult] | None, watched: Watched, known: _Known, ledger: Ledger, note: str
) -> Retrained | None:
    """Train anew where the rule fires, or where a training that it had led to was killed.

    That it begins is written down first. One that fails gives its windows back: they have led to nothing.
    """
    if train is None or not (watched.verdict == "FIRES" or known.state == BEGUN):
        return None
    before, newest = known.after, watched.windows[-1].number
    if known.state != BEGUN:
        known = replace(known, after=newest, state=BEGUN)
        known.write(ledger, note, watched)
    try:
        result = train()
    except AssayError as error:
        replace(known, after=before, state="").write(ledger, note, watched)
        return Retrained(problem=str(error))
    replace(known, state=DONE).write(ledger, note, watched)
    return Retrained(run=result)

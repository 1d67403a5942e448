"""Two runs beside each other: what their specs say, what their models do on test rows, and what their gates make of it.

Where both have predicted mostly the same rows of the same snapshot, the difference is that of pairs. Elsewhere it is
what two intervals of independent estimates leave of it, which is wider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from assay import evaluation
from assay.artifacts import Decision, Evaluation, GateResult, Interval, MetricValue, Predictions, Snapshot, from_json
from assay.errors import AssayError
from assay.ledger import Ledger
from assay.pipeline._types import GatePair, How, MetricPair, RunComparison, SpecChange
from assay.spec.evidence import EvaluationSpec
from assay.store import Store

NEEDED = ("ingest", "predict", "evaluate", "decide")
Metrics = dict[str, MetricValue]
MIN_COMMON = 0.5  # of the smaller test fold: fewer pairs tell less than both folds whole


def compare(first: str, second: str, ledger: Ledger) -> RunComparison:
    """See `assay.pipeline.compare`."""
    one, other = _recorded((first, second), ledger)
    metrics, how, why = _metrics(one, other, ledger.store)
    return RunComparison(
        first=first,
        second=second,
        spec=tuple(_changes(one["spec"], other["spec"])),
        metrics=metrics,
        how=how,
        why=why,
        gates=tuple(_gates(from_json(Decision, one["decide"]).gates, from_json(Decision, other["decide"]).gates)),
    )


def _recorded(runs: tuple[str, str], ledger: Ledger) -> list[dict[str, Any]]:
    """The spec of each run, and the hand-offs of its stages as JSON; the last word counts where a run was resumed."""
    found, problems = [], []
    for run in runs:
        try:
            events = list(ledger.events(run))
        except AssayError as error:
            problems.append(str(error))
            continue
        known: dict[str, Any] = {}
        for event in events:
            if event["kind"] == "stage_committed":
                known[event["stage"]] = event["artifact"]
            elif event["kind"] == "run_started":
                known["spec"] = event["spec"]
        if not known.keys() >= set(NEEDED):
            problems.append(f"Run {run} has come to no decision, so it cannot be compared. See `assay logs {run}`.")
        found.append(known)
    if problems:
        raise AssayError("\n".join(dict.fromkeys(problems)))
    return found


# ------------------------------------------------------------------------------------------------ spec and gates


def _changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[SpecChange]:
    """What differs, by path. Null and absent are the same to a spec."""
    one, other = dict(_leaves(first)), dict(_leaves(second))
    for path in dict.fromkeys([*one, *other]):
        if one.get(path) != other.get(path):
            yield SpecChange(path=path, first=one.get(path), second=other.get(path))


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path; a list of plain values is one value."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, Mapping):
        items = node.items()
    elif isinstance(node, list) and any(isinstance(item, Mapping) for item in node):
        items = enumerate(node)
    elif path:
        yield path, node
    for key, value in items:
        yield from _leaves(value, f"{path}.{key}" if path else str(key))


def _gates(first: Iterable[GateResult], second: Iterable[GateResult]) -> Iterator[GatePair]:
    """The gates of both by their titles; a run that has no such gate has None."""
    one, other = dict(_numbered(first)), dict(_numbered(second))
    for key in dict.fromkeys([*one, *other]):
        yield GatePair(title=key[0], first=one.get(key), second=other.get(key))


def _numbered(gates: Iterable[GateResult]) -> Iterator[tuple[tuple[str, int], GateResult]]:
    """A spec and its profiles may ask the same question twice."""
    seen: Counter[str] = Counter()
    for gate in gates:
        yield (gate.title, seen[gate.title]), gate
        seen[gate.title] += 1


# ------------------------------------------------------------------------------------------------ metrics


def _metrics(one: dict[str, Any], other: dict[str, Any], store: Store) -> tuple[tuple[MetricPair, ...], How, str]:
    """Metrics of both, and the gain of the second: how it was made, and why so."""
    firsts, seconds = (_on_test(from_json(Evaluation, known["evaluate"])) for known in (one, other))
    gains, how, why = _gains(one, other, firsts, seconds, store)
    pairs = tuple(
        MetricPair(name=name, first=_interval(firsts, name), second=_interval(seconds, name), gain=gains.get(name))
        for name in dict.fromkeys([*firsts, *seconds])
    )
    return pairs, how, why


def _gains(
    one: dict[str, Any], other: dict[str, Any], firsts: Metrics, seconds: Metrics, store: Store
) -> tuple[dict[str, Interval], How, str]:
    theirs, ours = (from_json(Predictions, known["predict"]) for known in (one, other))
    if _what(theirs) != _what(ours):
        return {}, "none", f"they predict different things: {_what(theirs)}, and {_what(ours)}"
    shared = tuple(name for name in firsts if name in seconds)
    config, before = (EvaluationSpec.model_validate(known["spec"]["evaluation"]) for known in (other, one))
    same_rows, smaller = _snapshot(one) == _snapshot(other), min(theirs.n_rows, ours.n_rows)
    n_common = _n_common(theirs, ours, store) if same_rows else 0
    if n_common >= MIN_COMMON * smaller:
        found = evaluation.compare(ours, theirs, 0, 0, shared, config, store=store)
        why = f"bootstrap of the {n_common:,} test rows that both predict, at {config.level:.0%}"
        return {each.metric: each.difference for each in found}, "paired", why
    why = f"they share {n_common:,} of {smaller:,} test rows" if same_rows else "they have read different data"
    if config.level != before.level:
        return {}, "none", f"{why}, and one has intervals of {before.level:.0%}, the other of {config.level:.0%}"
    why += ", so the gain is made of both intervals, as if they were independent"
    return {name: evaluation.gain(firsts[name], seconds[name]) for name in shared}, "unpaired", why


def _on_test(found: Evaluation) -> Metrics:
    return {metric.name: metric for metric in found.metrics if metric.fold == "test"}


def _interval(metrics: Metrics, name: str) -> Interval | None:
    return metrics[name].interval if name in metrics else None


def _snapshot(known: Mapping[str, str]) -> str:
    """The digest of the table whose positions the row ids are."""
    return from_json(Snapshot, known["ingest"]).table.sha256


def _n_common(first: Predictions, second: Predictions, store: Store) -> int:
    one, other = (store.table(predictions.table)["row"].to_numpy() for predictions in (first, second))
    return len(np.intersect1d(one, other, assume_unique=True))


def _what(predictions: Predictions) -> str:
    """What is predicted, and which class counts as the positive one: metrics of anything else are no pair."""
    target = predictions.target
    positive = f", positive {target.classes[target.positive]}" if target.positive is not None else ""
    classes = f" ({', '.join(sorted(target.classes))}{positive})" if target.classes else ""
    return f"{target.task} of {target.column}{classes}"

"""What else is measured of a trial, on valid rows: other metrics, gaps between groups, the time of a row, the size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import fmean, median

from assay import audit, inference
from assay.artifacts import Epoch, Model, Snapshot, ValidFold
from assay.errors import DataError
from assay.spec import Spec
from assay.spec.tuning import ObjectiveSpec
from assay.store import Store

N_TIMED = 200  # rows, one at a time


def measures(
    wanted: Sequence[ObjectiveSpec],
    spec: Spec,
    models: Sequence[Model],
    folds: Sequence[ValidFold],
    epochs: Sequence[Sequence[Epoch]],
    snapshot: Snapshot,
    store: Store,
) -> tuple[tuple[str, float], ...]:
    """The numbers by name, each the mean over the trainings of the trial."""
    found: dict[str, float] = {}
    for each in wanted:
        trainings = zip(models, folds, epochs, strict=True)
        if each.name not in found:
            found[each.name] = fmean(_measure(each, spec, *training, snapshot, store) for training in trainings)
    return tuple(found.items())


def _measure(
    wanted: ObjectiveSpec,
    spec: Spec,
    model: Model,
    fold: ValidFold,
    epochs: Sequence[Epoch],
    snapshot: Snapshot,
    store: Store,
) -> float:
    if wanted.metric is None:
        return _disparity(wanted, spec, model, fold, snapshot, store)
    if wanted.metric == "n_parameters":
        return float(model.n_parameters)
    if wanted.metric == "latency_ms":
        return _latency_ms(model, fold, spec, store)
    kept = epochs[model.best_epoch - 1]
    return kept.valid_loss if wanted.metric == "loss" else dict(kept.metrics)[wanted.metric]


def _disparity(
    wanted: ObjectiveSpec, spec: Spec, model: Model, fold: ValidFold, snapshot: Snapshot, store: Store
) -> float:
    """The largest gap between two groups that are large enough to be judged."""
    predictions = inference.predict(model, fold, None, store=store, root=spec.root)
    gaps = [gap for gap in audit.audit(predictions, snapshot, spec.audit, store=store).gaps if gap.powered]
    found = [
        abs(gap.gap)
        for gap in gaps
        if gap.metric == wanted.disparity and gap.sensitive == wanted.sensitive and gap.scale == "difference"
    ]
    if not found:
        known = sorted({gap.metric for gap in gaps if gap.sensitive == wanted.sensitive and gap.scale == "difference"})
        raise DataError(
            f"The audit of the valid fold has no gap in {wanted.disparity!r} between groups of {wanted.sensitive!r}. "
            f"Allowed: {', '.join(known) or 'a column of `audit.sensitive`'}."
        )
    return max(found)


def _latency_ms(model: Model, fold: ValidFold, spec: Spec, store: Store) -> float:
    """The median time of one row, from its raw columns to its probabilities."""
    predictor = inference.predictor(model, store=store, root=spec.root)
    rows = store.rows(fold).slice(0, N_TIMED)
    times = []
    for i in range(len(rows)):
        row = rows.slice(i, 1)
        begin = time.perf_counter()
        predictor(row)
        times.append(time.perf_counter() - begin)
    return median(times) * 1000

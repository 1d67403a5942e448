"""Predictions with another value of a sensitive column, and nothing else changed. S sampled rows.

A sensitivity, not a counterfactual of a person: what hangs on the column through others stays as it is. A column that
the model does not see moves nothing, which says nothing of its proxies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from assay import inference
from assay.artifacts import Blob, Calibration, Flips, Interval, Model, Predictions, Share, Snapshot
from assay.audit._groups import by_name, groups
from assay.audit._multiplicity import shares
from assay.explain import _columns
from assay.explain._rows import Sample, drawn, log_odds
from assay.explain._study import Z
from assay.spec.evidence import AuditSpec
from assay.store import Store

MOST_ROWS = 5000
WHAT = "changes with {}"


def flips(
    model: Model,
    calibration: Calibration,
    predictions: Predictions,
    snapshot: Snapshot,
    row_hashes: Blob,
    config: AuditSpec,
    store: Store,
    root: Path | None,
) -> Flips:
    """See `assay.explain.flips`."""
    predictor = inference.predictor(model, calibration, store=store, root=root)
    sample = Sample.of(snapshot, drawn(predictions, row_hashes, MOST_ROWS, store), predictor, store)
    seen = tuple(name for name in config.columns if name in sample.table.column_names)
    found, shifts = by_name(groups(snapshot, config, sample.row_S, store)), []
    counted: list[Share] = []
    before = predictor(sample.table)
    apart = 0.0 if before.p_BO is not None else predictor.target.std / 10
    for name in seen:
        changed_S = np.zeros(len(sample.row_S), bool)
        for place in sample.places(name).tolist():
            values = sample.table.column(name)
            at = pa.array(np.full(len(sample.row_S), place))
            after = predictor(sample.table.set_column(sample.table.column_names.index(name), name, values.take(at)))
            changed_S |= np.abs(after.y_hat.astype(np.float64) - before.y_hat) > apart
            ((text,),) = _columns.texts(sample.table.take(pa.array([place])), [name])
            shifts.append((name, text, _shift(before, after, predictor.target.positive)))
        own = {name: found[name]}
        counted += shares(own, changed_S, np.ones(len(changed_S), bool), WHAT.format(name))
    return Flips(seen=seen, shares=tuple(counted), shifts=tuple(shifts))


def _shift(before: inference.Predicted, after: inference.Predicted, positive: int | None) -> Interval:
    """The mean change of the positive class' log-odds (of the last class where none is), or of the number."""
    if before.p_BO is None or after.p_BO is None:
        change_S = after.y_hat - before.y_hat
    else:
        class_ = before.p_BO.shape[1] - 1 if positive is None else positive
        change_S = log_odds(after.p_BO, class_) - log_odds(before.p_BO, class_)
    mean, arm = float(change_S.mean()), float(Z * change_S.std() / np.sqrt(max(1, len(change_S))))
    return Interval(value=mean, low=mean - arm, high=mean + arm)

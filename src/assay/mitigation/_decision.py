"""Thresholds per group from predictions of the valid fold. N rows."""

from __future__ import annotations

from dataclasses import replace

from assay.artifacts import Calibration, GroupCodes, GroupThresholds, Predictions
from assay.errors import DataError
from assay.mitigation import KIND
from assay.spec import plugins
from assay.spec.evidence import MitigateSpec
from assay.store import Store


def calibrate(
    valid: Predictions, groups: GroupCodes, calibration: Calibration, config: MitigateSpec, store: Store
) -> Calibration:
    """See `assay.mitigation.calibrate`."""
    positive = valid.target.positive
    if positive is None:
        raise DataError(
            f"mitigate.method: {config.method!r} sets thresholds, and column {valid.target.column!r} does not have two "
            "classes. Allowed: a method of the training."
        )
    table = store.table(valid.table, ["y", f"p_{positive}"])
    chosen = plugins.load(KIND, config.method).choose(
        plugins.config(KIND, config.method, config.options),
        table[f"p_{positive}"].to_numpy().astype(float),
        table["y"].to_numpy() == positive,
        store.array(groups.codes),
        len(groups.names),
    )
    by_group = GroupThresholds(
        columns=groups.columns, edges=groups.edges, groups=tuple(zip(groups.names, chosen, strict=True))
    )
    return replace(calibration, by_group=by_group)

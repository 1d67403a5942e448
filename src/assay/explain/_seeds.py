"""Whether a training with another seed gives the same reasons. S sampled rows, M other models, R raw columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.artifacts import Contributions, Interval, Snapshot, Stability
from assay.audit._groups import by_name, groups
from assay.audit._multiplicity import ALL
from assay.explain._study import Z, amounts
from assay.spec.evidence import AuditSpec
from assay.store import Store


def stability(
    ours: Contributions, others: Sequence[Contributions], snapshot: Snapshot, config: AuditSpec, store: Store
) -> Stability:
    """See `assay.explain.stability`."""
    row_S = store.table(ours.table, ["row"])["row"].to_numpy()
    first_S = np.abs(amounts(ours, store)).argmax(axis=1)
    agrees_MS = np.stack([np.abs(amounts(other, store)).argmax(axis=1) == first_S for other in others])
    agrees_S = agrees_MS.mean(axis=0)
    found = {ALL: (np.zeros(len(row_S), np.int64), (ALL,))} | by_name(groups(snapshot, config, row_S, store))
    agreement = []
    for feature, (code_S, names) in found.items():
        for g, name in enumerate(names):
            own_S = agrees_S[code_S == g]
            if len(own_S) > 1:
                agreement.append((feature, name, len(own_S), _mean(own_S)))
    return Stability(n_models=len(others), n_rows=len(row_S), agreement=tuple(agreement))


def _mean(x_S: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Interval:
    """Of values between 0 and 1. Their spread is at least that of one odd row, so that no interval is a point."""
    n, mean = len(x_S), float(x_S.mean())
    arm = Z * max(float(x_S.std(ddof=1)), 1 / np.sqrt(n)) / np.sqrt(n)
    return Interval(value=mean, low=max(0.0, mean - arm), high=min(1.0, mean + arm))

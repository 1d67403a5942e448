"""Who is judged by the seed. Shapes: M models, N rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from assay.artifacts import Multiplicity, Predictions, Share, Snapshot
from assay.audit._groups import Array, Groups, by_name, groups
from assay.evaluation._intervals import wilson
from assay.evaluation._scored import read
from assay.spec.evidence import AuditSpec
from assay.store import Store

LEVEL = 0.95
ALL = "(all)"


def multiplicity(
    predictions: tuple[Predictions, ...], snapshot: Snapshot, config: AuditSpec, store: Store
) -> Multiplicity:
    """See `assay.audit.multiplicity`. Numbers count as different beyond a tenth of the target's spread."""
    first, row_N = read(predictions[0], store)
    y_hat_MN = np.stack([first.y_hat_N, *(read(each, store)[0].y_hat_N for each in predictions[1:])])
    apart = 0.0 if first.n_classes else predictions[0].target.std / 10
    differs_N = np.ptp(y_hat_MN, axis=0) > apart
    found = by_name(groups(snapshot, config, row_N, store))
    everybody_N = np.ones(len(row_N), bool)
    return Multiplicity(
        n_models=len(predictions), shares=tuple(shares(found, differs_N, everybody_N, "hangs on the seed"))
    )


def shares(found: Mapping[str, Groups], is_so_N: Array, among_N: Array, what: str) -> Iterator[Share]:
    """How often `is_so_N` among the rows `among_N`: of all, and of each group that has such rows."""
    whole = {ALL: (np.zeros(len(is_so_N), np.int64), (ALL,))}
    for feature, (code_N, names) in {**whole, **found}.items():
        n_G = np.bincount(code_N[among_N], minlength=len(names))
        k_G = np.bincount(code_N[among_N & is_so_N], minlength=len(names))
        for name, k, n in zip(names, k_G.tolist(), n_G.tolist(), strict=True):
            if n:
                yield Share(sensitive=feature, group=name, what=what, k=k, n=n, interval=wilson(k, n, LEVEL))

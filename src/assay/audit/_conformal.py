"""Sets of classes that hold the true one as often as promised, and for whom they do not.

Split conformal prediction (Vovk et al. 2005; Sadinle et al. 2019): a class is in the set when its probability reaches a
threshold, the quantile of the true classes' probabilities on the valid fold. One threshold for everybody keeps its
promise on average; one per group and label (Mondrian) keeps it for each. Every class is asked in turn whether it would
be believed, so a threshold per label needs no knowledge of the truth. Shapes: N rows, G groups, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from assay.artifacts import Coverage, Predictions, Share, Snapshot
from assay.audit._groups import Array, Groups, by_name, groups
from assay.audit._multiplicity import shares
from assay.errors import DataError
from assay.evaluation._scored import read
from assay.spec.evidence import AuditSpec
from assay.store import Store


def coverage(
    valid: Predictions, test: Predictions, snapshot: Snapshot, config: AuditSpec, promised: float, store: Store
) -> Coverage:
    """See `assay.audit.coverage`."""
    (ours, row_N), (theirs, valid_row_N) = read(test, store), read(valid, store)
    if ours.p_NK is None or theirs.p_NK is None:
        raise DataError("audit.conformal: sets of classes are of classification. Leave it out.")
    on_test = by_name(groups(snapshot, config, row_N, store))
    on_valid = by_name(groups(snapshot, config, valid_row_N, store))
    true_N = theirs.p_NK[np.arange(theirs.n_rows), theirs.y_N]
    one = _threshold(true_N, promised)
    marginal_NK = ours.p_NK >= one
    conditional: list[Share] = []
    sizes = []
    for feature, (code_N, names) in on_test.items():
        limit_GK = _limits(true_N, theirs.y_N, on_valid[feature], names, ours.n_classes, promised)
        own_NK = ours.p_NK >= limit_GK[code_N]
        conditional += _covered({feature: (code_N, names)}, ours.y_N, own_NK, test.target.classes)
        sizes.append((feature, float(marginal_NK.sum(axis=1).mean()), float(own_NK.sum(axis=1).mean())))
    return Coverage(
        promised=promised,
        marginal=tuple(_covered(on_test, ours.y_N, marginal_NK, test.target.classes)),
        conditional=tuple(share for share in conditional if share.sensitive in on_test),
        sizes=tuple(sizes),
    )


def _covered(found: Mapping[str, Groups], y_N: Array, in_set_NK: Array, classes: tuple[str, ...]) -> Iterator[Share]:
    held_N = in_set_NK[np.arange(len(y_N)), y_N]
    for k, name in enumerate(classes):
        yield from shares(found, held_N, y_N == k, name)


def _threshold(true_N: Array, promised: float) -> float:
    """What `promised` of new rows reach: order statistic floor((n + 1)(1 - promised)); of too few rows, anything."""
    rank = math.floor((len(true_N) + 1) * (1 - promised))
    return float(np.sort(true_N)[rank - 1]) if rank >= 1 else -math.inf


def _limits(true_N: Array, y_N: Array, valid: Groups, names: tuple[str, ...], n_classes: int, promised: float) -> Array:
    """The threshold of every group and label [G, K]; a group without valid rows is given every class."""
    code_N, known = valid
    limit_GK = np.full((len(names), n_classes), -math.inf)
    for g, name in enumerate(names):
        for k in range(n_classes):
            if name in known:
                own_N = (code_N == known.index(name)) & (y_N == k)
                limit_GK[g, k] = _threshold(true_N[own_N], promised)
    return limit_GK

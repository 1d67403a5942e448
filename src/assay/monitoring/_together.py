"""All columns together: can a classifier tell the window from training rows (Lopez-Paz & Oquab 2017)?

It sees what no column shows alone, a changed dependence for one. N rows of sample and window, C columns.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier

from assay.artifacts import ColumnReference, Look
from assay.monitoring._cells import Array
from assay.monitoring._reference import coarse

N_FOLDS = 2
MOST_ROWS = 2000
MOST_CODES = 250  # a level beyond is one of the rare ones to the classifier


def together(table: pa.Table, sample: pa.Table, columns: Sequence[ColumnReference], min_auc: float) -> Look | None:
    """The look at all columns that both have; None with fewer than two of them."""
    shared = [each for each in columns if each.name in sample.column_names and each.name in table.column_names]
    if len(shared) < 2:
        return None
    before_NC = np.column_stack([sample[each.name].to_numpy() for each in shared])
    now_NC = np.column_stack([coarse(table.column(each.name), each) for each in shared])
    auc, p = two_sample(before_NC, now_NC)
    return Look(
        about="together", name=", ".join(each.name for each in shared), test="classifier", p=p, p_adjusted=p,
        measure="AUC", effect=auc, bound=min_auc, moved=False,
        detail=f"a classifier tells the window from training rows with AUC {auc:.3f}",
    )  # fmt: skip


def two_sample(before_NC: Array, now_NC: Array) -> tuple[float, float]:
    """The mean AUC over folds, each judged by the classifier that has not seen it, and its p-value.

    Given its classifier, the AUC of a fold is the statistic of Mann and Whitney; 0.5 means that nothing can be told.
    Each fold has taught the classifier of the other, so their AUCs hang together; the spread of their mean is taken to
    be the mean of their spreads, the most that it can be.
    """
    rng, (before_NC, now_NC) = _by_content(before_NC, now_NC)
    x_NC = np.minimum(np.concatenate([before_NC, now_NC]), MOST_CODES).astype(np.float64)
    y_N = np.repeat([0, 1], [len(before_NC), len(now_NC)])
    fold_N = np.empty(len(y_N), np.int64)
    for label in (0, 1):
        rows_N = np.flatnonzero(y_N == label)
        fold_N[rng.permutation(rows_N)] = np.arange(len(rows_N)) % N_FOLDS
    aucs, spreads = [], []
    for fold in range(N_FOLDS):
        own_N = fold_N == fold
        model = HistGradientBoostingClassifier(
            max_iter=30, max_leaf_nodes=8, min_samples_leaf=20, early_stopping=False, random_state=0
        )
        score_N = model.fit(x_NC[~own_N], y_N[~own_N]).predict_proba(x_NC[own_N])[:, 1]
        n, m = (int((y_N[own_N] == label).sum()) for label in (0, 1))
        rank_N = stats.rankdata(score_N)
        aucs.append((rank_N[y_N[own_N] == 1].sum() - m * (m + 1) / 2) / (n * m))
        ties = 1 - stats.tiecorrect(rank_N)
        spreads.append(math.sqrt((n + m + 1) / (12 * n * m) * (1 - ties)))
    auc, spread = float(np.mean(aucs)), float(np.mean(spreads))
    return auc, float(stats.norm.sf((auc - 0.5) / spread)) if spread else 1.0


def _by_content(*tables: Array) -> tuple[np.random.Generator, list[Array]]:
    """The rows in the order of their content, at most `MOST_ROWS` of each table, and the digest of all as a seed."""
    ordered = [table_NC[np.lexsort(table_NC.T)] for table_NC in tables]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(table_NC).tobytes() for table_NC in ordered)).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return rng, [
        table_NC if len(table_NC) <= MOST_ROWS else table_NC[rng.choice(len(table_NC), MOST_ROWS, replace=False)]
        for table_NC in ordered
    ]

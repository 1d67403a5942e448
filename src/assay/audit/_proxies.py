"""Whether the features give a sensitive feature away, although it is not among them.

A gradient-boosted classifier learns it on one half of (at most 20,000) training rows and is tried on the other; rows
are dealt, and put in order, by their content hash, so that the answer does not depend on how they were stored. The AUC
of each group against the rest: 0.5 is no proxy, 1 gives the group away. Shapes: N rows, D features, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.ensemble import HistGradientBoostingClassifier

from assay.artifacts import DataCheck, TargetInfo
from assay.audit._groups import Groups
from assay.audit._held import held
from assay.evaluation._intervals import _delong
from assay.evaluation._metrics import METRICS, Weighted
from assay.evaluation._probe import predictive_power
from assay.evaluation._scored import Array, Scored, by_content
from assay.gates._rates import one_sided

MOST_ROWS = 20_000
MOST_LEVELS = 254  # of a category in scikit-learn's histograms; rarer levels share one code
MIN_ROWS = 30  # of a group, in each half
LEVEL = 0.95
N_NAMED = 3


def proxies(
    table: pa.Table, found: Mapping[str, Groups], hash_N: Array, target: str, bound: float | None
) -> Iterator[DataCheck]:
    """One check per sensitive feature and group that has enough rows in both halves."""
    kept_N = np.argsort(hash_N, kind="stable")[:MOST_ROWS]  # hashes are uniform: the lowest are a random sample
    half_N = (hash_N[kept_N] >> np.uint64(32)) & np.uint64(1) == 0
    columns = {name: _numbers(table.column(name), kept_N) for name in table.column_names if name != target}
    for feature, (code_N, names) in found.items():
        inputs = {name: column for name, column in columns.items() if name != feature}
        yield from _of_feature(feature, names, code_N[kept_N], inputs, half_N, bound)


def _of_feature(
    feature: str,
    names: tuple[str, ...],
    code_N: Array,
    inputs: Mapping[str, tuple[Array, bool]],
    half_N: Array,
    bound: float | None,
) -> Iterator[DataCheck]:
    n_HG = [np.bincount(code_N[half], minlength=len(names)) for half in (half_N, ~half_N)]
    enough = [g for g in range(len(names)) if min(n_HG[0][g], n_HG[1][g]) >= MIN_ROWS]
    if len(enough) < 2 or not inputs:
        reason = f"{len(enough)} groups with {MIN_ROWS} rows to learn from and to try; it takes 2, and a feature."
        yield DataCheck(check="proxy", about=feature, verdict="INCONCLUSIVE", reason=reason, bound=bound)
        return
    rows_N = np.isin(code_N, enough)
    x_ND = np.column_stack([column for column, _ in inputs.values()])
    p_NG = _learnt(x_ND, [is_code for _, is_code in inputs.values()], code_N, rows_N & half_N, rows_N & ~half_N)
    tried_N = code_N[rows_N & ~half_N]
    for i, g in enumerate(enough):
        if len(enough) == 2 and i == 0:
            continue  # of two groups each is the rest of the other
        p_N, own_N = p_NG[:, i], (tried_N == g).astype(np.int32)
        scored = Scored(own_N, (p_N >= 0.5).astype(np.int32), np.column_stack([1 - p_N, p_N]), positive=1)
        (scored,), _ = by_content(scored)
        auc = float(_AUC.value(Weighted(scored, np.ones((1, scored.n_rows))))[0])
        ends = one_sided(_delong(scored, auc, LEVEL))
        strongest = _strongest(inputs, (code_N[rows_N] == g).astype(np.int64), rows_N)
        about = f"{feature}: {names[g]}" if len(enough) > 2 else feature
        reason = f"{names[g]} is told from the rest with AUC {auc:.3f} by the features; most by {strongest}."
        yield held("proxy", about, reason, auc, ends, bound)


def _learnt(x_ND: Array, is_code: list[bool], code_N: Array, learn_N: Array, try_N: Array) -> Array:
    """Probabilities [N, G] of the rows `try_N`."""
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, early_stopping=False, categorical_features=is_code, random_state=0
    )
    probabilities: Array = model.fit(x_ND[learn_N], code_N[learn_N]).predict_proba(x_ND[try_N])
    return probabilities


def _strongest(inputs: Mapping[str, tuple[Array, bool]], own_N: Array, rows_N: Array) -> str:
    """The features that tell the group best, each alone."""
    info = TargetInfo(column="", task="classification", classes=("other", "own"), positive=1)
    power = {name: predictive_power(_levels(*column, rows_N), own_N, info) for name, column in inputs.items()}
    best = sorted(power, key=lambda name: (-power[name], name))[:N_NAMED]
    return ", ".join(f"{name} ({power[name]:.3f} alone)" for name in best)


def _levels(x_N: Array, is_code: bool, rows_N: Array) -> Array:
    x_N = np.nan_to_num(x_N[rows_N], nan=-1.0)
    if is_code:
        return x_N.astype(np.int64)
    return np.searchsorted(np.unique(np.quantile(x_N, np.linspace(0, 1, 65)[1:-1])), x_N)


def _numbers(column: pa.ChunkedArray, kept_N: Array) -> tuple[Array, bool]:
    """A column as floats, NaN where it is missing, and whether they are codes: the most frequent levels first."""
    values: Any = column.combine_chunks().take(pa.array(kept_N))
    if pa.types.is_boolean(values.type) or pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = values.dictionary_encode()
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int64())
    if not pa.types.is_dictionary(values.type):
        return pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False), False
    names = [str(name) for name in values.dictionary.to_pylist()]
    n_L = np.bincount(values.indices.drop_null().to_numpy(), minlength=len(names))
    ranked = sorted(range(len(names)), key=lambda level: (-n_L[level], names[level]))
    rank_L = np.empty(len(names) + 1)
    rank_L[ranked] = np.minimum(np.arange(len(names)), MOST_LEVELS)
    rank_L[-1] = np.nan
    codes_N = values.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return rank_L[codes_N], True


_AUC = next(metric for metric in METRICS if metric.name == "roc_auc")

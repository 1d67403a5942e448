"""Groups that nobody listed.

Every value of every column (numbers in quarters), and every two of different columns, is a slice. One half of the fold
suggests: a one-sided Welch test of the slice's error against that of the rest, Benjamini-Hochberg over all slices of
enough rows (Benjamini & Hochberg 1995). Near copies are merged, the strongest first. The other half confirms: the same
test on rows that suggested nothing, Holm over those that are left (Holm 1979). Halves are dealt by content hash.

Shapes: N rows, L values (literals), S slices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Blob, Interval, Predictions, Slice, Slices, Snapshot
from assay.audit._groups import MISSING, Array
from assay.evaluation._scored import read
from assay.gates import _rates
from assay.spec.evidence import SlicesSpec
from assay.store import Store

MOST_LEVELS = 30  # of a column, the most frequent
MOST_SUGGESTED = 200  # that are compared with each other
MOST_CONFIRMED = 20
SAME = 0.8  # shared rows over all rows of two slices beyond which they are one
ROWS_AT_ONCE = 65_536
LEVEL = 0.95


@dataclass(frozen=True)
class Literals:
    """One column of 0 and 1 per value: `on_NL`, what each says, and the data column that it is of."""

    on_NL: Array
    said: tuple[str, ...]
    column_L: Array


def slices(
    predictions: Predictions,
    snapshot: Snapshot,
    row_hashes: Blob,
    columns: tuple[str, ...],
    config: SlicesSpec,
    store: Store,
) -> Slices:
    """See `assay.audit.slices`."""
    scored, row_N = read(predictions, store)
    hash_N = np.asarray(store.array(row_hashes))[row_N]
    order_N = np.argsort(hash_N, kind="stable")  # sums of reals hang on their order; content gives them one
    error_N = (
        (scored.y_N != scored.y_hat_N).astype(float) if scored.n_classes else np.abs(scored.y_hat_N - scored.y_N)
    )[order_N]
    table = store.table(snapshot.table, list(dict.fromkeys(columns))).unify_dictionaries()
    table = table.take(pa.array(row_N[order_N]))
    explore_N = (hash_N[order_N] >> np.uint64(32)) & np.uint64(1) == 0
    literals = _literals(table, explore_N)
    suggested, n_explored = _suggested(literals, explore_N, error_N, config)
    kept = _without_copies(suggested, literals, explore_N)[:MOST_CONFIRMED]
    return Slices(
        error="share of wrong predictions" if scored.n_classes else "mean absolute error",
        slices=tuple(_confirmed(kept, literals, ~explore_N, error_N, config.min_rows)),
        n_explored=n_explored,
        n_suggested=len(suggested),
        n_rows=len(error_N),
    )


def _suggested(
    literals: Literals, half_N: Array, error_N: Array, config: SlicesSpec
) -> tuple[list[tuple[int, int]], int]:
    """Pairs of literals (twice the same is one literal), the strongest first, and how many were looked at."""
    n_LL, sum_LL, squares_LL = _sums(literals.on_NL, half_N, error_N)
    n, total, squares = int(half_N.sum()), float(error_N[half_N].sum()), float((error_N[half_N] ** 2).sum())
    first_S, second_S = np.triu_indices(len(n_LL))
    differ_S = (first_S == second_S) | (literals.column_L[first_S] != literals.column_L[second_S])
    n_S = n_LL[first_S, second_S]
    enough_S = differ_S & (n_S >= config.min_rows) & (n - n_S >= config.min_rows)
    first_S, second_S, n_S = first_S[enough_S], second_S[enough_S], n_S[enough_S]
    z_S = _z(n_S, sum_LL[first_S, second_S], squares_LL[first_S, second_S], n, total, squares)
    p_S = np.array([0.5 * math.erfc(z / math.sqrt(2)) for z in z_S])
    rank_S = np.argsort(-z_S, kind="stable")
    limits = config.false_discovery * np.arange(1, len(p_S) + 1) / max(1, len(p_S))
    below = np.flatnonzero(p_S[rank_S] <= limits)
    chosen = rank_S[: below[-1] + 1] if len(below) else rank_S[:0]
    return [(int(first_S[s]), int(second_S[s])) for s in chosen[:MOST_SUGGESTED]], len(p_S)


def _sums(on_NL: Array, half_N: Array, error_N: Array) -> tuple[Array, Array, Array]:
    """Rows, errors and squared errors of every pair of literals, a bounded piece of the rows at a time."""
    n_literals = on_NL.shape[1]
    sums = [np.zeros((n_literals, n_literals)) for _ in range(3)]
    rows = np.flatnonzero(half_N)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        piece = rows[start : start + ROWS_AT_ONCE]
        on = on_NL[piece].astype(np.float64)
        for power in range(3):
            sums[power] += on.T @ (on * (error_N[piece] ** power)[:, None])
    return sums[0], sums[1], sums[2]


def _z(n_S: Array, sum_S: Array, squares_S: Array, n: int, total: float, squares: float) -> Array:
    """Welch's statistic of the slice's mean error less that of the rest."""
    m_S = n - n_S
    mean_S, rest_S = sum_S / n_S, (total - sum_S) / m_S
    variance_S = np.maximum(squares_S / n_S - mean_S**2, 0) / (n_S - 1)
    variance_rest_S = np.maximum((squares - squares_S) / m_S - rest_S**2, 0) / (m_S - 1)
    error_S = np.sqrt(variance_S + variance_rest_S)
    z_S: Array = np.divide(mean_S - rest_S, error_S, out=np.zeros_like(error_S), where=error_S > 0)
    return z_S


def _without_copies(found: Sequence[tuple[int, int]], literals: Literals, half_N: Array) -> list[tuple[int, int]]:
    """The slices that do not hold nearly the same rows as one before them."""
    kept: list[tuple[int, int]] = []
    rows: list[Array] = []
    for pair in found:
        own_N = _rows_of(pair, literals)[half_N]
        same = (np.count_nonzero(own_N & other) / np.count_nonzero(own_N | other) for other in rows)
        if all(share <= SAME for share in same):
            kept.append(pair)
            rows.append(own_N)
    return kept


def _confirmed(
    found: Sequence[tuple[int, int]], literals: Literals, half_N: Array, error_N: Array, min_rows: int
) -> Iterator[Slice]:
    """The slices as the other half sees them, by Holm's step-down."""
    seen = []
    for pair in found:
        own_N = _rows_of(pair, literals)
        own, rest = error_N[own_N & half_N], error_N[~own_N & half_N]
        if min(len(own), len(rest)) < min_rows:
            continue
        arm = math.sqrt(own.var(ddof=1) / len(own) + rest.var(ddof=1) / len(rest))
        gap = float(own.mean() - rest.mean())
        seen.append((0.5 * math.erfc(gap / arm / math.sqrt(2)) if arm else 0.5, pair, own, rest, gap, arm))
    seen.sort(key=lambda entry: entry[0])
    corrected = 0.0
    for i, (p, pair, own, rest, gap, arm) in enumerate(seen):
        corrected = max(corrected, min(1.0, p * (len(seen) - i)))
        z = _rates.z((1 + LEVEL) / 2)
        yield Slice(
            described=" and ".join(literals.said[literal] for literal in dict.fromkeys(pair)),
            n_rows=len(own),
            error=float(own.mean()),
            error_of_rest=float(rest.mean()),
            gap=Interval(value=gap, low=gap - z * arm, high=gap + z * arm, level=LEVEL),
            p=corrected,
            confirmed=corrected <= 1 - LEVEL,
        )


def _rows_of(pair: tuple[int, int], literals: Literals) -> Array:
    rows_N: Array = literals.on_NL[:, pair[0]] & literals.on_NL[:, pair[1]]
    return rows_N


def _literals(table: pa.Table, half_N: Array) -> Literals:
    """Every value of every column; edges of numbers, and which levels are frequent, come from one half."""
    on, said, column_L = [], [], []
    for number, name in enumerate(table.column_names):
        for text, rows_N in _of_column(table.column(name).combine_chunks(), name, half_N):
            on.append(rows_N)
            said.append(text)
            column_L.append(number)
    on_NL = np.column_stack(on) if on else np.zeros((len(half_N), 0), bool)
    return Literals(on_NL, tuple(said), np.array(column_L, np.int64))


def _of_column(values: Any, name: str, half_N: Array) -> Iterator[tuple[str, Array]]:
    if pa.types.is_temporal(values.type):
        return
    if pa.types.is_boolean(values.type) or pa.types.is_string(values.type):
        values = values.dictionary_encode()
    if pa.types.is_dictionary(values.type):
        yield from _levels(values, name, half_N)
        return
    x_N = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    known = x_N[half_N & ~np.isnan(x_N)]
    edges = np.unique(np.quantile(known, (0.25, 0.5, 0.75))) if len(known) else np.array([])
    for low, high in zip([-math.inf, *edges], [*edges, math.inf], strict=True):
        yield _said(name, low, high), (x_N >= low) & (x_N < high)
    if np.isnan(x_N).any():
        yield f"{name} is {MISSING}", np.isnan(x_N)


def _levels(values: Any, name: str, half_N: Array) -> Iterator[tuple[str, Array]]:
    names = [MISSING if level is None else str(level) for level in values.dictionary.to_pylist()]
    code_N = values.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    n_G = np.bincount(code_N[half_N], minlength=len(names) + 1)
    names.append(MISSING)
    for g in sorted(range(len(names)), key=lambda g: (-n_G[g], names[g]))[:MOST_LEVELS]:
        if n_G[g]:
            yield f"{name} is {names[g]}", code_N == g


def _said(name: str, low: float, high: float) -> str:
    if math.isinf(low):
        return f"{name} below {high:.6g}" if math.isfinite(high) else f"{name} is known"
    return f"{name} from {low:.6g}" + (f" to below {high:.6g}" if math.isfinite(high) else "")

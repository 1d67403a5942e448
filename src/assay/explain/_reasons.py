"""Reasons of adverse decisions, and whether they hold.

S sampled rows, A adverse rows, R raw columns, K other rows. The reasons of a row are the columns that add most to the
adverse class, beside an average row. A reason is held to what it says: with the values of K other rows in place of the
row's own the score has to move the other way, on average.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.artifacts import NamedReason, Reason, Reasons
from assay.evaluation._intervals import wilson
from assay.explain import _columns
from assay.explain._rows import Floats, Places, Sample
from assay.spec.evidence import ExplainSpec
from assay.store import Store

N_OTHERS = 16
MOST_MOVED = 200  # adverse rows whose reasons are tried
N_EXAMPLES = 3
LEVEL = 0.95
HIDDEN = "(personal)"


def reasons(
    sample: Sample,
    towards_AR: Floats,
    adverse_A: Places,
    adverse: int,
    config: ExplainSpec,
    flags: Mapping[str, str],
    personal: tuple[str, ...],
    store: Store,
) -> Reasons:
    """The reasons of the rows at the places `adverse_A`; `towards_AR` is what each column adds to the adverse class."""
    columns = sample.table.column_names
    order_AQ = np.argsort(-towards_AR, axis=1, kind="stable")[:, : config.n_reasons]
    is_reason_AQ = np.take_along_axis(towards_AR, order_AQ, axis=1) > 0
    codes = [config.codes.get(name, name) for name in columns]
    k, n = _as_said(sample, adverse_A[:MOST_MOVED], order_AQ, is_reason_AQ, adverse)
    named = [
        NamedReason(
            column=name,
            code=codes[r],
            n_rows=int(((order_AQ == r) & is_reason_AQ).sum()),
            n_first=int(((order_AQ[:, 0] == r) & is_reason_AQ[:, 0]).sum()),
            flag=flags.get(name, ""),
        )
        for r, name in enumerate(columns)
    ]
    values = _columns.texts(sample.table.take(pa.array(adverse_A[:N_EXAMPLES])), columns)
    shown = [
        tuple(
            Reason(
                column=columns[r],
                code=codes[r],
                value=HIDDEN if columns[r] in personal else values[a][r],
                flag=flags.get(columns[r], ""),
            )
            for r, is_reason in zip(order_AQ[a], is_reason_AQ[a], strict=True)
            if is_reason
        )
        for a in range(min(N_EXAMPLES, len(adverse_A)))
    ]
    return Reasons(
        adverse=sample.predictor.target.classes[adverse],
        n_rows=len(adverse_A),
        named=tuple(sorted((one for one in named if one.n_rows), key=lambda one: (-one.n_rows, one.column))),
        fidelity=wilson(k, n, LEVEL) if n else wilson(0, 1, LEVEL),
        n_moved=n,
        examples=tuple(shown),
        table=store.put_table(_table(sample.row_S[adverse_A], order_AQ, is_reason_AQ, codes), "reason-codes.parquet"),
    )


def _as_said(
    sample: Sample, adverse_A: Places, order_AQ: Places, is_reason_AQ: NDArray[np.bool_], adverse: int
) -> tuple[int, int]:
    """Of how many reasons the score moves as said, and how many were tried."""
    k = n = 0
    own_SR, n_sampled = sample.own_SR, len(sample.row_S)
    score_S = sample.score(own_SR, adverse)
    step_K = 1 + np.arange(N_OTHERS) * max(1, (n_sampled - 1) // N_OTHERS)
    order_AQ, is_reason_AQ = order_AQ[: len(adverse_A)], is_reason_AQ[: len(adverse_A)]
    for r in range(sample.table.num_columns):
        named_B = adverse_A[((order_AQ == r) & is_reason_AQ).any(axis=1)]
        if not len(named_B):
            continue
        place_MR = own_SR[np.repeat(named_B, N_OTHERS)]
        place_MR[:, r] = ((named_B[:, None] + step_K) % n_sampled).ravel()  # rows stand in the order of their hashes
        moved_B = sample.score(place_MR, adverse).reshape(-1, N_OTHERS).mean(axis=1)
        k, n = k + int((moved_B < score_S[named_B]).sum()), n + len(named_B)
    return k, n


def _table(row_A: Places, order_AQ: Places, is_reason_AQ: NDArray[np.bool_], codes: list[str]) -> pa.Table:
    columns = {"row": pa.array(row_A)}
    for q in range(order_AQ.shape[1]):
        chosen = [codes[r] if there else None for r, there in zip(order_AQ[:, q], is_reason_AQ[:, q], strict=True)]
        columns[f"reason_{q + 1}"] = pa.array(chosen, pa.string())
    return pa.table(columns)

"""Contributions of a sample of rows, and what follows from them. S sampled rows, R raw columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from assay import inference
from assay.artifacts import (
    Blob,
    Calibration,
    Contributions,
    Curve,
    Explained,
    Interval,
    Model,
    Predictions,
    Snapshot,
)
from assay.errors import DataError, did_you_mean
from assay.explain import _changes, _flags, _reasons
from assay.explain._explainer import load
from assay.explain._paths import ALLOWED, ALLOWED_SHARE
from assay.explain._rows import MOST_SIGNALS, Floats, Sample, drawn, is_number, numbers
from assay.spec.evidence import AuditSpec, ExplainSpec
from assay.store import Store

N_CURVES = 6
MOST_DEPENDING = 300  # rows that a curve is a mean over
Z = 1.959964


def contributions(
    model: Model,
    calibration: Calibration,
    predictions: Predictions,
    snapshot: Snapshot,
    row_hashes: Blob,
    n_rows: int,
    store: Store,
    root: Path | None,
) -> Contributions:
    """See `assay.explain.contributions`."""
    explainer = load(model, calibration, store, root)
    if model.preprocessing.signal is not None:
        n_rows = min(n_rows, MOST_SIGNALS)
    sample = Sample.of(snapshot, drawn(predictions, row_hashes, n_rows, store), explainer.predictor, store)
    found = explainer.attributions(sample.table)
    columns = {
        "row": sample.row_S,
        "class": found.class_B.astype(np.int32),
        "score": found.score_B,
        "base": found.base_B,
    }
    columns |= {f"to_{r}": found.amounts_BR[:, r].astype(np.float32) for r in range(len(explainer.columns))}
    allowed_B = ALLOWED + ALLOWED_SHARE * np.abs(found.score_B - found.base_B)
    return Contributions(
        table=store.put_table(pa.table(columns), "contributions.parquet"),
        of=explainer.said(int(found.class_B[0]))
        if model.preprocessing.target.n_outputs < 3
        else "log-odds of the class",
        columns=explainer.columns,
        n_rows=len(sample.row_S),
        n_incomplete=int((found.missed_B > 2 * allowed_B).sum()),
    )


def amounts(found: Contributions, store: Store) -> Floats:
    """What each column adds, [S, R]."""
    table = store.table(found.table)
    return np.column_stack([table[f"to_{r}"].to_numpy() for r in range(len(found.columns))]).astype(np.float64)


def study(
    model: Model,
    calibration: Calibration,
    found: Contributions,
    snapshot: Snapshot,
    config: ExplainSpec,
    groups: AuditSpec,
    personal: tuple[str, ...],
    store: Store,
    root: Path | None,
) -> Explained:
    """See `assay.explain.study`."""
    predictor = inference.predictor(model, calibration, store=store, root=root)
    table = store.table(found.table)
    sample = Sample.of(snapshot, table["row"].to_numpy(), predictor, store)
    amount_SR = amounts(found, store)
    mean_R = np.abs(amount_SR).mean(axis=0)
    order_R = np.argsort(-mean_R, kind="stable")
    importance = tuple((found.columns[r], _mean(np.abs(amount_SR[:, r]))) for r in order_R)
    reasons = changes = None
    if config.adverse is not None:
        adverse = _class(config.adverse, predictor.target.classes)
        adverse_A = np.flatnonzero(predictor(sample.table).y_hat == adverse)
        same = 1 if len(predictor.target.classes) > 2 or int(table["class"][0].as_py()) == adverse else -1
        flags = _flags.flags(sample.table.column_names, snapshot, sample.row_S, groups, config.proxy_auc, store)
        reasons = _reasons.reasons(
            sample, same * amount_SR[adverse_A], adverse_A, adverse, config, flags, personal, store
        )
        if config.mutable:
            _check_mutable(config, sample.table.column_names)
            changes = _changes.changes(sample, adverse_A, adverse, config, personal)
    return Explained(
        of=found.of,
        n_rows=found.n_rows,
        n_incomplete=found.n_incomplete,
        importance=importance,
        dependence=tuple(_dependence(sample, [found.columns[r] for r in order_R], personal)),
        reasons=reasons,
        changes=changes,
    )


def _mean(x_S: Floats) -> Interval:
    mean, arm = float(x_S.mean()), float(Z * x_S.std() / np.sqrt(max(1, len(x_S))))
    return Interval(value=mean, low=max(0.0, mean - arm), high=mean + arm)


def _dependence(sample: Sample, columns: list[str], personal: tuple[str, ...]) -> Iterator[Curve]:
    """The mean prediction with one value of a column in every row, for the columns that add most."""
    target, n = sample.predictor.target, min(MOST_DEPENDING, len(sample.row_S))
    if len(target.classes) > 2:
        return
    said = f"mean probability of {target.classes[_shown(sample)]}" if target.classes else f"mean {target.column}"
    shown = [name for name in columns if is_number(sample.table.column(name).type) and name not in personal]
    for name in shown[:N_CURVES]:
        r, values = sample.table.column_names.index(name), sample.table.column(name)
        place_K = sample.places(name)
        heights = []
        for place in place_K:
            place_SR = sample.own_SR[:n]
            place_SR[:, r] = place
            score_S = sample.score(place_SR, _shown(sample))
            heights.append(float((1 / (1 + np.exp(-score_S)) if target.classes else score_S).mean()))
        x = tuple(numbers(values)[place_K].tolist())
        yield Curve(name=f"dependence on {name}", x_label=name, y_label=said, series=((name, x, tuple(heights)),))


def _shown(sample: Sample) -> int:
    target = sample.predictor.target
    return target.positive if target.positive is not None else max(0, target.n_outputs - 1)


def _class(name: str, classes: tuple[str, ...]) -> int:
    if name not in classes:
        there = ", ".join(classes) or "none: the task is regression"
        raise DataError(
            f"audit.explain.adverse: there is no class {name!r}. Allowed: {there}. {did_you_mean(name, classes)}"
        )
    return classes.index(name)


def _check_mutable(config: ExplainSpec, columns: list[str]) -> None:
    for name in config.mutable:
        if name not in columns:
            raise DataError(
                f"audit.explain.mutable: the model does not look at {name!r}. Allowed: {', '.join(columns)}. "
                f"{did_you_mean(name, columns)}"
            )

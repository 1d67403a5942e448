"""Why a model predicts what it does: what each raw column adds, and what would have to change.

Why this shape. A person asks about columns, a network sees features: what a row's features add to its score (integrated
gradients, Sundararajan et al. 2017, by captum) is summed back to the raw columns that they were made from, through
one-hot levels, embeddings, indicators and principal components alike. The path begins at an average training row, which
is known from the model alone (the median of each number, the shares of each category's levels), so that no row of
anybody has to lie beside a model that is served. What an explanation says is checked: that its parts add up to the
score, and that the score moves as said when the named value is moved.

This package stands above `inference`, whose networks it asks, and above `audit`, whose groups it counts by; serving may
import it, and it imports neither Ray nor Prefect. In serving: make an `Explainer` once for the live version, with
`explainer(version.model, version.calibration, store=store)`, and call it with the rows of a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifacts import (
    Blob,
    Calibration,
    Contributions,
    Explained,
    Explanation,
    Flips,
    Model,
    Predictions,
    Snapshot,
    Stability,
)
from assay.spec.evidence import AuditSpec, ExplainSpec
from assay.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from assay.explain._explainer import Explainer as Explainer
    from assay.preprocessing._given import Value

__all__ = ["contributions", "explain", "explainer", "flips", "stability", "study"]


def explain(
    model: Model,
    rows: pa.Table | Sequence[Mapping[str, Value]],
    calibration: Calibration | None = None,
    *,
    store: Store,
    root: Path | None = None,
) -> tuple[Explanation, ...]:
    """Why each of `rows` has its prediction. Of a binary task the score is the log-odds of the positive class.

    Whoever asks more than once makes an `explainer`. Raises DataError when the rows lack a column that the model needs.
    """
    return explainer(model, calibration, store=store, root=root)(rows)


def explainer(
    model: Model, calibration: Calibration | None = None, *, store: Store, root: Path | None = None
) -> Explainer:
    """The explanations of `model` as a function of rows: a table, or plain values as a request brings them.

    Holds no state that a call changes. Raises StoreError when bytes of the model are gone or changed.
    """
    from assay.explain._explainer import load

    return load(model, calibration or Calibration(), store, root)


def contributions(
    model: Model,
    calibration: Calibration,
    predictions: Predictions,
    snapshot: Snapshot,
    row_hashes: Blob,
    n_rows: int,
    *,
    store: Store,
    root: Path | None = None,
) -> Contributions:
    """What each raw column adds to the scores of `n_rows` of the predicted rows, drawn by their content."""
    from assay.explain import _study

    return _study.contributions(model, calibration, predictions, snapshot, row_hashes, n_rows, store, root)


def study(
    model: Model,
    calibration: Calibration,
    found: Contributions,
    snapshot: Snapshot,
    config: ExplainSpec,
    groups: AuditSpec,
    personal: tuple[str, ...],
    *,
    store: Store,
    root: Path | None = None,
) -> Explained:
    """Importance and dependence and, where the spec names an adverse class, its reasons and the ways out of it.

    Raises DataError for a class or a column that is not there.
    """
    from assay.explain import _study

    return _study.study(model, calibration, found, snapshot, config, groups, personal, store, root)


def stability(
    ours: Contributions, others: tuple[Contributions, ...], snapshot: Snapshot, groups: AuditSpec, *, store: Store
) -> Stability:
    """How often models that differ in nothing but their seed give the same first reason, per group."""
    from assay.explain import _seeds

    return _seeds.stability(ours, others, snapshot, groups, store)


def flips(
    model: Model,
    calibration: Calibration,
    predictions: Predictions,
    snapshot: Snapshot,
    row_hashes: Blob,
    groups: AuditSpec,
    *,
    store: Store,
    root: Path | None = None,
) -> Flips:
    """Whose prediction changes when nothing but a sensitive column does."""
    from assay.explain import _flips

    return _flips.flips(model, calibration, predictions, snapshot, row_hashes, groups, store, root)

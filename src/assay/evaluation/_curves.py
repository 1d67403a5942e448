"""Pictures as numbers: at most 200 points a line. Shapes: N rows, B bins, C cuts."""

from __future__ import annotations

import numpy as np

from assay.artifacts import Curve, Epoch, TargetInfo
from assay.evaluation._reliability import sums_per_bin
from assay.evaluation._scored import Array, Scored

MOST_POINTS = 200
MOST_CLASSES = 10
Line = tuple[str, tuple[float, ...], tuple[float, ...]]


def curves(scored: Scored, target: TargetInfo, epochs: tuple[Epoch, ...]) -> tuple[Curve, ...]:
    """All pictures of such a task."""
    if target.task == "regression":
        pictures = [_predicted_and_true(scored)]
    else:
        pictures = [_roc(scored, target), _precision_recall(scored, target), _reliability(scored)]
    if epochs:
        pictures.append(_learning(epochs))
    return tuple(picture for picture in pictures if picture.series)


def _roc(scored: Scored, target: TargetInfo) -> Curve:
    lines = []
    for k in _shown(scored):
        hits_C, called_C = _cuts(scored, k)
        lines.append(_line(target.classes[k], (called_C - hits_C) / (scored.n_rows - hits_C[-1]), hits_C / hits_C[-1]))
    return Curve(name="roc", x_label="false positive rate", y_label="true positive rate", series=tuple(lines))


def _precision_recall(scored: Scored, target: TargetInfo) -> Curve:
    lines = []
    for k in _shown(scored):
        hits_C, called_C = _cuts(scored, k)
        lines.append(_line(target.classes[k], hits_C[1:] / hits_C[-1], hits_C[1:] / called_C[1:]))
    return Curve(name="precision_recall", x_label="recall", y_label="precision", series=tuple(lines))


def _reliability(scored: Scored) -> Curve:
    n_B, foretold_B, hits_B = sums_per_bin(scored)
    filled = n_B > 0
    line = _line("model", foretold_B[filled] / n_B[filled], hits_B[filled] / n_B[filled])
    return Curve(name="reliability", x_label="predicted probability", y_label="observed share", series=(line,))


def _predicted_and_true(scored: Scored) -> Curve:
    """Mean truth against mean prediction, in twenty groups of equally many rows in the order of the prediction."""
    groups = [rows for rows in np.array_split(np.argsort(scored.y_hat_N, kind="stable"), 20) if len(rows)]
    predicted_B = np.array([scored.y_hat_N[rows].mean() for rows in groups])
    true_B = np.array([scored.y_N[rows].mean() for rows in groups])
    line = _line("model", predicted_B, true_B)
    return Curve(name="reliability", x_label="mean prediction", y_label="mean truth", series=(line,))


def _learning(epochs: tuple[Epoch, ...]) -> Curve:
    number = np.array([epoch.epoch for epoch in epochs], dtype=float)
    lines = tuple(
        _line(name, number, np.array([getattr(epoch, f"{name}_loss") for epoch in epochs]))
        for name in ("train", "valid")
    )
    return Curve(name="learning", x_label="epoch", y_label="loss", series=lines)


def _shown(scored: Scored) -> tuple[int, ...]:
    """The classes that are drawn: those that can be ranked, the largest first."""
    return tuple(sorted(scored.ranked_classes, key=lambda k: -int((scored.y_N == k).sum()))[:MOST_CLASSES])


def _cuts(scored: Scored, k: int) -> tuple[Array, Array]:
    """After each run of equal scores, from none to all rows: how many were called class `k`, and how many are."""
    order_N = np.argsort(-scored.p_of(k), kind="stable")
    falling_N = scored.p_of(k)[order_N]
    called_C = np.r_[0, np.flatnonzero(falling_N[1:] != falling_N[:-1]) + 1, scored.n_rows]
    hits_C = np.r_[0, np.cumsum(scored.y_N[order_N] == k)][called_C]
    return hits_C, called_C


def _line(name: str, x: Array, y: Array) -> Line:
    """The points, thinned so that they lie evenly along the line."""
    if len(x) > MOST_POINTS:
        steps = np.hypot(np.diff(x) / max(np.ptp(x), 1e-300), np.diff(y) / max(np.ptp(y), 1e-300))
        along = np.r_[0.0, np.cumsum(steps)]
        kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MOST_POINTS)))
        x, y = x[kept], y[kept]
    return name, tuple(map(float, x)), tuple(map(float, y))

"""Has it moved: windows of later rows against what a model was trained on.

Why this shape. What windows are compared with is a *reference*, made once, when the model is: counts, not rows, so it
travels with the model version and an audit can read it. Of a personal column it holds how much is missing and nothing
else. Everything is compared in the same cells (`_cells`), so effect sizes mean the same everywhere, and a window costs
one pass.

A large window makes every test significant, and a small one makes every effect size large by chance. So something has
*moved* only when a test says that it did, corrected for all looks at the window together (Benjamini & Hochberg 1995),
and an effect size says that it matters. One such window may be a bad day: the rule fires when `violations` of the last
`of` windows violate, the newest among them. Windows that led to a retraining do not count again.

Nothing here sees a model: predictions come as columns. The classifier test is of codes, of rows in the order of their
content, with a seed from their digest: no verdict depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assay.artifacts import (
    Column,
    MetricValue,
    Predictions,
    Reference,
    Snapshot,
    TrainFold,
    Watched,
    Window,
)
from assay.spec.monitoring import MonitoringSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from assay.monitoring._cut import Piece
    from assay.monitoring._window import Labelled
    from assay.store import Store

__all__ = [
    "PREDICTED",
    "VERSION",
    "Every",
    "compared",
    "cut",
    "judged",
    "note_of",
    "prometheus",
    "reference",
    "table_of",
]

Every = Literal["hour", "day", "week", "month", "quarter"]
PREDICTED = "prediction"
"""The column of predictions; a class's probability stands in `p_CLASS`. What serving and scoring write."""


VERSION = "assay_version"
"""The column that says which version made a row's prediction, where several did."""


def note_of(name: str, version: int) -> str:
    """The name under which the ledger keeps what is known of the windows of a model version."""
    return f"watch-{name}-{version}"


def reference(
    snapshot: Snapshot,
    train: TrainFold,
    on_test: Predictions,
    inputs: tuple[Column, ...],
    personal: tuple[str, ...],
    n_sampled: int,
    metrics: tuple[MetricValue, ...] = (),
    *,
    store: Store,
) -> Reference:
    """The training rows in counts, the predictions of the test rows likewise, and `n_sampled` rows in coarse codes."""
    from assay.monitoring import _reference

    return _reference.reference(snapshot, train, on_test, inputs, personal, n_sampled, metrics, store)


def cut(data: Sequence[str], root: Path, *, rows: int = 0, time: str = "", every: Every = "day") -> tuple[Piece, ...]:
    """Windows of the files that `data` (paths, folders, globs, s3:// or gs:// addresses) mean, the oldest first.

    One window a file; with `rows` one for so many rows, the rest at the end left for another day; with `time`, a
    column, one for every hour, day, ... that it holds. Raises DataError where there is nothing to read, or no column.
    """
    from assay.monitoring import _cut

    return _cut.cut(data, root, rows, time, every)


def table_of(piece: Piece) -> pa.Table:
    """The rows of a window."""
    from assay.monitoring import _cut

    return _cut.table_of(piece)


def compared(
    table: pa.Table,
    reference: Reference,
    config: MonitoringSpec,
    piece: Piece,
    labelled: Labelled | None = None,
    *,
    store: Store,
) -> Window:
    """One window against the reference. `table` holds inputs, predictions, or both; `labelled` what labels said.

    Its `number` is 0: it gets one when it is written down. Raises DataError when the two share no column.
    """
    from assay.monitoring import _window

    return _window.compared(table, reference, config, piece, labelled, store)


def judged(name: str, version: int, windows: tuple[Window, ...], config: MonitoringSpec, after: int) -> Watched:
    """What the rule says of all windows so far. Those up to number `after` have led to a retraining already."""
    from assay.monitoring import _rule

    return _rule.judged(name, version, windows, config, after)


def prometheus(watched: Watched) -> str:
    """The newest window as gauges in Prometheus' text format."""
    from assay.monitoring import _prometheus

    return _prometheus.prometheus(watched)

"""The audit of the data: who is in them, how they are labelled, and what gives people away. Shapes: N rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from assay.artifacts import (
    AuditFold,
    DataAudit,
    DataCheck,
    Folds,
    GroupCount,
    Preflight,
    Preprocessing,
    Snapshot,
    TestFold,
    TrainFold,
)
from assay.audit._anonymity import anonymity
from assay.audit._groups import Array, Groups, by_name, groups
from assay.audit._held import held
from assay.audit._label_bias import Labels, label_bias, label_gaps
from assay.audit._personal import personal_data
from assay.audit._power import power
from assay.audit._proxies import proxies
from assay.audit._representation import representation
from assay.errors import DataError, did_you_mean
from assay.preprocessing import encoder
from assay.spec.evidence import AuditSpec, DataAuditSpec, GateSpec
from assay.store import Store

MOST_LABELS = 50  # classes whose shares are compared one by one


def audit_data(
    snapshot: Snapshot,
    folds: Folds,
    prepared: Preprocessing,
    config: AuditSpec,
    personal: tuple[str, ...],
    store: Store,
) -> DataAudit:
    """See `assay.audit.audit_data`."""
    looked = config.data or DataAuditSpec()
    rows_N = store.array(folds.train.rows)
    found = by_name(groups(snapshot, config, rows_N, store))
    singles = {name: one for name, one in found.items() if name in config.columns}
    target = prepared.target.column
    labels = _labels(snapshot, folds.train, prepared, looked, store)
    table = store.table(snapshot.table)
    features = table.select([c.name for c in prepared.inputs]).unify_dictionaries().take(pa.array(rows_N))
    names = [column.name for column in snapshot.columns]
    rated = len(labels.positive) <= MOST_LABELS
    checks = [
        *representation(found, looked),
        *(label_gaps(found, labels, looked.max_label_gap, config.min_share) if rated else ()),
        *proxies(features, singles, store.array(folds.row_hashes)[rows_N], target, looked.max_proxy_auc),
        *personal_data(table, [name for name in names if name != target], personal),
        *anonymity(table.unify_dictionaries(), target, looked),
        *_duplicates(folds, looked.max_duplicates),
    ]
    return DataAudit(
        checks=tuple(checks),
        label_bias=tuple(label_bias(found, labels)) if rated else (),
        counts=_counts(snapshot, folds, prepared, config, store),
        classes=labels.classes,
        positive=labels.positive[0] if len(labels.positive) == 1 else None,
        positive_rate=float(np.isin(labels.y_N, labels.positive[:1]).mean()),
        min_share=config.min_share,
    )


def preflight(found: DataAudit, gates: tuple[GateSpec, ...], config: DataAuditSpec) -> Preflight:
    """See `assay.audit.preflight`."""
    checks = (*found.checks, *power(found, gates, config))
    ending = {*config.stop_on, "ERROR"}
    return Preflight(checks=checks, stops=tuple(check for check in checks if check.verdict in ending))


def _labels(
    snapshot: Snapshot, train: TrainFold, prepared: Preprocessing, config: DataAuditSpec, store: Store
) -> Labels:
    """Class codes of the training rows; numbers are labelled by their median, as there is no class to count."""
    info = prepared.target
    y_N = encoder(prepared, store=store).target(store.rows(train, [info.column]))
    classes, positive = info.classes, tuple(range(len(info.classes)))
    if info.task == "regression":
        y_N = (y_N > np.median(y_N)).astype(np.int64)
        classes, positive = ("at most the median", "above the median"), (1,)
    elif info.positive is not None:
        positive = (info.positive,)
    return Labels(y_N, classes, positive, _strata(snapshot, train, config.strata, store))


def _strata(snapshot: Snapshot, train: TrainFold, name: str | None, store: Store) -> Array:
    """The stratum of each row: a value of the column, or one for all."""
    if name is None:
        return np.zeros(train.n_rows, np.int64)
    known = [column.name for column in snapshot.columns]
    if name not in known:
        hint = did_you_mean(name, known)
        raise DataError(f"audit.data.strata: the data have no column {name!r}. Allowed: {', '.join(known)}. {hint}")
    only = AuditSpec(sensitive=(name,))
    code_N, _ = by_name(groups(snapshot, only, store.array(train.rows), store))[name]
    return np.unique(code_N, return_inverse=True)[1]


def _counts(
    snapshot: Snapshot, folds: Folds, prepared: Preprocessing, config: AuditSpec, store: Store
) -> tuple[GroupCount, ...]:
    fold: TestFold | AuditFold = folds.test
    if config.fold == "audit" and folds.audit is not None:
        fold = folds.audit
    found: Mapping[str, Groups] = by_name(groups(snapshot, config, store.array(fold.rows), store))
    n_classes = len(prepared.target.classes)
    y_N = np.zeros(fold.n_rows, np.int64)
    if n_classes:
        y_N = encoder(prepared, store=store).target(store.rows(fold, [prepared.target.column])).astype(np.int64)
    return tuple(
        GroupCount(
            sensitive=name,
            group=label,
            n_rows=int((code_N == g).sum()),
            n_by_class=tuple(int(n) for n in np.bincount(y_N[code_N == g], minlength=n_classes)) if n_classes else (),
        )
        for name, (code_N, labels) in found.items()
        for g, label in enumerate(labels)
        if (code_N == g).any()
    )


def _duplicates(folds: Folds, most: float | None) -> list[DataCheck]:
    there = {"train": folds.train, "valid": folds.valid, "test": folds.test, "audit": folds.audit}
    sizes = {name: fold.n_rows for name, fold in there.items() if fold is not None}
    found = []
    for pair, n in folds.duplicates:
        first, _, second = pair.partition("/")
        share = n / sizes[second]
        reason = f"{n:,} rows of {second} ({share:.2%}) stand in {first} too, features and target alike."
        found.append(held("duplicates", pair, reason, share, (share, share), most))
    return found

"""For whom the model works: rates per group, and the gap between every two groups with its bounds.

Why this shape: everything follows from additive counts, the *cells* (group x true x predicted x score bin). So the rows
are passed once, shards merge exactly (sums of reals are kept as decimals, whose addition has no rounding and no
order), and an auditor recomputes every verdict from `cells.parquet` with neither data nor model. The audit emits
estimates with their bounds; gates hold them against tolerances. The closed forms are those of `gates`, where they are
needed to say how many more rows would decide.

There are two stops. `audit_data` and `preflight` look at the data before anything is trained: who is in them, how they
are labelled, what gives people away, and whether the gates can be decided with the rows at hand. They read rows and fit
nothing that the model sees. `preflight` alone knows the gates, so that an edited gate does not count the data again.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifacts import (
    Blob,
    Bundle,
    Coverage,
    DataAudit,
    Decision,
    Documents,
    Evaluation,
    Evidence,
    Findings,
    Folds,
    Model,
    Multiplicity,
    Predictions,
    Preflight,
    Preprocessing,
    Profile,
    Scope,
    Slices,
    Snapshot,
    ValidationReport,
)
from assay.errors import DataAuditFailed
from assay.spec.evidence import AuditSpec, DataAuditSpec, GateSpec, SlicesSpec
from assay.spec.waivers import ProfileSpec, WaiverSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from assay.audit._verify import Verified as Verified
    from assay.store import Store

__all__ = [
    "audit",
    "audit_data",
    "bundle",
    "count_cells",
    "coverage",
    "documents",
    "findings_from_cells",
    "gates_of",
    "merge_cells",
    "multiplicity",
    "preflight",
    "profiles",
    "signer",
    "slices",
    "stopped",
    "verify",
    "waivers",
]


def audit_data(
    snapshot: Snapshot,
    folds: Folds,
    prepared: Preprocessing,
    config: AuditSpec,
    personal: tuple[str, ...],
    *,
    store: Store,
) -> DataAudit:
    """Representation, label bias, proxies, personal data, anonymity and duplicates, and the groups' sizes for later.

    Raises DataError when a column that the spec names is not in the data, or cannot be cut into groups.
    """
    from assay.audit import _data

    return _data.audit_data(snapshot, folds, prepared, config, personal, store)


def preflight(found: DataAudit, gates: tuple[GateSpec, ...], config: DataAuditSpec) -> Preflight:
    """All checks of the data, and whether the rows at hand can decide what the gates will ask."""
    from assay.audit import _data

    return _data.preflight(found, gates, config)


def stopped(checks: Preflight) -> DataAuditFailed:
    """The error that ends a run on data that the spec says must not be trained on."""
    reasons = "\n".join(f"{one.verdict} {one.check}, {one.about}: {one.reason}" for one in checks.stops)
    return DataAuditFailed(
        f"The audit of the data ends this run: {len(checks.stops)} of {len(checks.checks)} checks.\n{reasons}\n"
        "Nothing was trained. Mend the data, change the bound under `audit.data`, or leave it out to only measure."
    )


def audit(predictions: Predictions, snapshot: Snapshot, config: AuditSpec, *, store: Store) -> Findings:
    """Count the cells of every sensitive feature and crossing, store them, and find from them alone.

    Raises DataError when a sensitive column is not in the data, or is a number without `edges` and with many values.
    """
    cells = count_cells(predictions, snapshot, config, store=store)
    return findings_from_cells(cells, store.put_table(cells, "cells.parquet"))


def count_cells(
    predictions: Predictions, snapshot: Snapshot, config: AuditSpec, rows: slice | None = None, *, store: Store
) -> pa.Table:
    """The cells of all predictions, or of the shard `rows` of them. What they mean stands in the schema's metadata."""
    from assay.audit._cells import count_cells

    return count_cells(predictions, snapshot, config, rows, store)


def merge_cells(shards: Sequence[pa.Table]) -> pa.Table:
    """The cells of all shards together: exactly those that one pass over all their rows would have counted."""
    from assay.audit._cells import merge_cells

    return merge_cells(shards)


def findings_from_cells(cells: pa.Table, stored: Blob) -> Findings:
    """Groups, gaps and problems from cells alone; `stored` says where the cells lie."""
    from assay.audit._findings import findings_from_cells

    return findings_from_cells(cells, stored)


def slices(
    predictions: Predictions,
    snapshot: Snapshot,
    row_hashes: Blob,
    columns: tuple[str, ...],
    config: SlicesSpec,
    *,
    store: Store,
) -> Slices:
    """Groups that nobody listed and for which the model is worse: up to two values of `columns`, found and confirmed.

    `row_hashes` deals the rows of the fold into the half that suggests and the half that confirms.
    """
    from assay.audit._slices import slices

    return slices(predictions, snapshot, row_hashes, columns, config, store)


def multiplicity(
    predictions: tuple[Predictions, ...], snapshot: Snapshot, config: AuditSpec, *, store: Store
) -> Multiplicity:
    """Per group, the share of rows that models which differ in nothing but their seed do not agree on."""
    from assay.audit._multiplicity import multiplicity

    return multiplicity(predictions, snapshot, config, store)


def coverage(
    valid: Predictions, test: Predictions, snapshot: Snapshot, config: AuditSpec, promised: float, *, store: Store
) -> Coverage:
    """How often conformal sets, made on the valid fold, hold the true class of the test rows of each group and label.

    Raises DataError in regression.
    """
    from assay.audit._conformal import coverage

    return coverage(valid, test, snapshot, config, promised, store)


def waivers(path: Path) -> tuple[WaiverSpec, ...]:
    """The waivers in the YAML file at `path`. Raises SpecError with every mistake in it."""
    from assay.audit import _dated

    return _dated.waivers(path)


def profiles(names: tuple[str, ...], root: Path) -> tuple[ProfileSpec, ...]:
    """The legal profiles called `names`, shipped with assay or files under `root`. Raises SpecError."""
    from assay.audit import _dated

    return _dated.profiles(names, root)


def gates_of(profiles: tuple[ProfileSpec, ...], config: AuditSpec, today: date) -> tuple[GateSpec, ...]:
    """The gates that the profiles in force on `today` ask for."""
    from assay.audit import _dated

    return _dated.gates_of(profiles, config, today)


def documents(
    name: str,
    snapshot: Snapshot,
    folds: Folds,
    profile: Profile,
    validation: ValidationReport,
    model: Model,
    evaluation: Evaluation,
    findings: Findings | None,
    decision: Decision,
    said: dict[str, str],
    profiles: tuple[ProfileSpec, ...],
    *,
    store: Store,
) -> Documents:
    """Model card, datasheet, Annex IV draft and, of a binary task with groups, the tables of Local Law 144.

    `said` is what people have filled in; the other fields are shown as gaps, those that `profiles` require included.
    """
    from assay.audit import _documents

    of = _documents.Subject(
        name=name,
        snapshot=snapshot,
        folds=folds,
        profile=profile,
        validation=validation,
        model=model,
        evaluation=evaluation,
        findings=findings,
        decision=decision,
        said=said,
        profiles=profiles,
    )
    return _documents.documents(of, store)


def bundle(
    evidence: Evidence,
    gates: tuple[GateSpec, ...],
    promote_inconclusive: bool,
    waivers: tuple[WaiverSpec, ...],
    scope: Scope,
    decision: Decision,
    subject: tuple[tuple[str, str], ...],
    look: int,
    signer: str,
    documents: tuple[Blob, ...] = (),
    *,
    store: Store,
) -> Bundle:
    """The evidence behind `decision`, sealed, and signed where the environment holds a key.

    `subject` says what it is about: names and digests. `look` is which look at this fold it was, from 1. `signer` is
    `signer()` as it was asked before, so that who signs is part of what the bundle depends on.
    """
    from assay.audit._bundle import Question, bundle

    question = Question(gates, promote_inconclusive, waivers, scope)
    return bundle(evidence, question, decision, subject, look, signer, documents, store)


def signer() -> str:
    """The public key, in hex, of whoever signs evidence here; empty where nobody does.

    Raises AssayError when the environment names a key that cannot be used.
    """
    import os

    if not os.environ.get("ASSAY_SIGNING_KEY"):
        return ""
    from assay.audit import _signature

    return _signature.signer()


def verify(folder: Path, trusted: str = "") -> Verified:
    """Check every byte of the evidence in `folder`, and recompute every verdict from its cells.

    `trusted` is a public key (a PEM file, or hex) that has to have signed it. Raises AssayError when the folder holds
    no manifest that can be read, or one that was changed.
    """
    from assay.audit import _signature, _verify

    return _verify.verify(folder, _signature.public_key(trusted) if trusted else "")

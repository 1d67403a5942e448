"""Data: what was read, what was expected of it, and which rows are whose."""

from __future__ import annotations

from dataclasses import dataclass

from assay.artifacts._words import Blob, Kind, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the spec's data source pointed to at this moment: a description for people, and the digest of its bytes."""

    description: str
    sha256: str
    n_bytes: int
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a snapshot. `arrow_type` is the type before dictionary encoding; n_* count rows."""

    name: str
    kind: Kind
    arrow_type: str
    n_null: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The data as read once: an Arrow IPC file (uncompressed, strings dictionary-encoded, memory-mappable)."""

    table: Blob
    source: Source
    columns: tuple[Column, ...]
    n_rows: int

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """One expectation held against the data. `examples` is empty for columns that the spec marks personal."""

    expectation: str
    column: str
    severity: Severity
    passed: bool
    n_unexpected: int
    n_checked: int
    observed: str
    expected: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """All expectations held against a snapshot. `passed` is False when one of severity `fail` does not hold."""

    passed: bool
    results: tuple[ExpectationResult, ...]
    docs: Blob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """Rows of a snapshot. `rows` is an npy file of sorted int64 row ids into `table`."""

    table: Blob
    rows: Blob
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFold(_Fold):
    """The rows that models and preprocessing are fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidFold(_Fold):
    """The rows that early stopping, the threshold and the calibration look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFold(_Fold):
    """The rows that are predicted once, at the end, and fit nothing."""

    __test__ = False  # the name begins like a test class; pytest need not look at it


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFold(_Fold):
    """Rows set apart for the audit alone."""


Fold = TrainFold | ValidFold | TestFold | AuditFold


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Disjoint folds of one snapshot.

    `row_hashes` is an npy file of uint64, one content hash per row of the snapshot (features and target, not the row's
    position), by which rows are recognised across snapshots. `n_dropped` counts rows without a target; `duplicates`
    counts, per pair of folds ("train/test"), the rows of the second whose content stands in the first.
    """

    train: TrainFold
    valid: ValidFold
    test: TestFold
    audit: AuditFold | None
    row_hashes: Blob
    how: str
    n_dropped: int
    duplicates: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """A column in a few words: missing values, distinct values, and for each fold a short summary for people."""

    name: str
    kind: Kind
    n_null: int
    n_unique: int
    summary: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The data as a reviewer wants to see them. Values of personal columns are not shown."""

    columns: tuple[ColumnProfile, ...]
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakProbe:
    """One look for leakage: what was measured, the bound at which it is suspicious, and what to do."""

    name: str
    value: float
    bound: float
    suspicious: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakReport:
    """Duplicates across folds, single features that predict too well, and the shuffled-label canary."""

    probes: tuple[LeakProbe, ...]

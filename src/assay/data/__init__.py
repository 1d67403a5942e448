"""From where the rows lie to disjoint folds.

Why this shape: a source is read once, in batches, straight into the form that every later stage maps from disk - one
record batch, strings as codes into a dictionary, no NaN, no infinity - so no stage parses, decodes or copies it again.
Sources and splitters are plugins of one file each. A splitter sees what it needs to draw the folds and nothing is
fitted here; folds are row ids, never copies of rows. Bad input is refused here, where file, row and column are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifacts import Column, Folds, GroupCodes, Profile, Snapshot, Source, Task, TrainFold, ValidFold

if TYPE_CHECKING:
    from assay.spec.data import DataSpec, SplitSpec, TargetSpec
    from assay.spec.evidence import SensitiveSpec
    from assay.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a glance at the source shows: its columns (nulls uncounted), and all values of those asked for, as text.

    `exact` is False where types are those of the first rows alone. `values` lacks columns that would take long to read.
    `dates` are columns of text that holds dates.
    """

    columns: tuple[Column, ...]
    values: dict[str, tuple[str, ...]]
    exact: bool = True
    dates: tuple[str, ...] = ()


def look(config: DataSpec, root: Path, asked: tuple[str, ...], *, query: bool = False) -> Look | None:
    """A glance at the source, in a fraction of a second: a Parquet footer, the first block of a CSV file.

    The different values of the columns in `asked` are read where that is cheap (`_look.CHEAP_BYTES`). A database has
    no cheap glance, since its query would have to run: None, unless `query` asks for that. Raises DataError where there
    is nothing to read.
    """
    from assay.data import _look

    return _look.look(config, root, asked, query)


def fingerprint(config: DataSpec, root: Path, table: Any = None) -> Source:
    """What `config` points to now and the sha256 of its bytes. Nothing is parsed, except a `table` from Python.

    `table` is anything that Arrow can take in (pandas, polars, arrow); `config` is then not looked at. Raises DataError
    where there is nothing to read.
    """
    from assay.data import _ingest

    return _ingest.fingerprint(config, root, table)


def ingest(source: Source, config: DataSpec, *, root: Path, store: Store, table: Any = None) -> Snapshot:
    """Read the source once into an Arrow file of the store.

    Booleans and strings become dictionary-encoded strings, dates and timestamps `timestamp[us]` in UTC, NaN null.
    Raises DataError, naming file, row and column, for whatever cannot be read or used.
    """
    from assay.data import _ingest

    return _ingest.ingest(source, config, root, store, table)


def split(snapshot: Snapshot, config: SplitSpec, target: TargetSpec, task: Task, seed: int, *, store: Store) -> Folds:
    """Put the rows that have a target into disjoint folds and count rows whose content stands in two of them.

    What a row of one fold holds never moves a row between two others; the draw of `random` looks at class labels only.
    Raises DataError when the target cannot be learnt from, or a fold comes out too small.
    """
    from assay.data import _split

    return _split.split(snapshot, config, target, task, seed, store)


def widen(folds: Folds, keep_frac: float, seed: int, *, store: Store) -> Folds:
    """The folds with most valid rows moved into train: a share of `keep_frac`, drawn at random, stays valid.

    For a last training once there is nothing left to choose. What stays is for early stopping, threshold and
    calibration; test and audit rows stay where they are.
    """
    from assay.data import _split

    return _split.widen(folds, keep_frac, seed, store)


def groups(
    fold: TrainFold | ValidFold, snapshot: Snapshot, columns: tuple[SensitiveSpec, ...], *, store: Store
) -> GroupCodes:
    """Which group each row of a fold is of, by one column or several crossed. Raises DataError as the audit does."""
    from assay.data import _groups

    return _groups.of_fold(fold, snapshot, columns, store)


def profile(snapshot: Snapshot, folds: Folds, personal: tuple[str, ...], *, store: Store) -> Profile:
    """Every column in a few words per fold, for a reviewer. Values of `personal` columns are not shown."""
    from assay.data import _profile

    return _profile.profile(snapshot, folds, personal, store)


def describe_for_spec(path: Path, *, seed: int = 0) -> dict[str, Any]:
    """What a first spec for the file at `path` would say, as plain data: see `assay.data._guess`."""
    from assay.data import _guess

    return _guess.describe(path, seed)

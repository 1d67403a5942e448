"""What one stage hands to the next.

Each hand-off is a frozen dataclass of scalars, tuples and other hand-offs, so it is a small JSON document. Big things
(tables, weights, arrays) are a `Blob`: where the bytes lie, how many there are and their sha256. Nothing here is a
frame or a tensor, and this module imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol, TypeVar

FOLD_COLUMN = "assay_fold"
"""The column that a source of pre-split files adds: the fold that a row's file was given for. Never a feature."""

T = TypeVar("T")
Task = Literal["classification", "regression"]
Kind = Literal["numeric", "categorical", "datetime"]
FoldName = Literal["train", "valid", "test", "audit"]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_APPLICABLE", "ERROR"]
Severity = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes in the store, named by their digest. `uri` is relative to the store; `name` is a file name for people."""

    uri: str
    sha256: str
    n_bytes: int
    name: str


# ---------------------------------------------------------------------------------------------------- data


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


# -------------------------------------------------------------------------------------- preprocessing and model


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoricalFeature:
    """A feature held as codes 0..n_levels-1. Code 0 is missing, 1 is rare or never seen, 2.. are the levels."""

    name: str
    n_levels: int
    encode: Literal["onehot", "embedding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """The target: for classification its classes in the order of the model's outputs, for regression its scale.

    `positive` is the index of the positive class in a binary task, else None. `mean` and `std` are those of the
    training rows (after `log1p` when `log`), and 0 and 1 for classification.
    """

    column: str
    task: Task
    classes: tuple[str, ...] = ()
    positive: int | None = None
    class_counts: tuple[int, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    log: bool = False

    @property
    def n_outputs(self) -> int:
        """How many outputs a model of this target has: one per class, or one."""
        return len(self.classes) if self.task == "classification" else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The fitted preprocessing: a pure function from raw columns to arrays, stored as JSON and npz, never as code.

    `numeric` and `categorical` name the features in the order of the arrays that come out. `knots` is an npy file of
    float32 [n_numeric, n_knots]: evenly spaced quantiles of every numeric feature over the training rows, from which
    piecewise-linear embeddings take their bins. `inputs` are the raw columns that are needed to predict.
    """

    state: Blob
    arrays: Blob
    knots: Blob
    inputs: tuple[Column, ...]
    numeric: tuple[str, ...]
    categorical: tuple[CategoricalFeature, ...]
    target: TargetInfo
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One fold as memory-mappable npy files.

    `numeric` float32 [n_rows, n_numeric]; `codes` int16 or int32 [n_rows, n_categorical]; `target` int64 [n_rows]
    (class indices) or float32 [n_rows] (standardised). `n_unseen` counts values never seen in training.
    """

    numeric: Blob
    codes: Blob
    target: Blob
    n_rows: int
    n_unseen: int = 0
    n_missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingArrays:
    """The encoded rows that a training may look at: these two folds and no other."""

    train: Encoded
    valid: Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the training rows. `metrics` are of the valid fold; losses are means per row."""

    epoch: int
    train_loss: float
    valid_loss: float
    lr: float
    seconds: float
    metrics: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model: the weights of its best epoch (safetensors), how to build it, and how it was trained."""

    family: str
    options: str  # the family's options as canonical JSON
    weights: Blob
    preprocessing: Preprocessing
    best_epoch: int
    epochs: tuple[Epoch, ...]
    n_parameters: int
    stopped: str  # why training ended
    n_workers: int = 0
    device: str = "cpu"

    @property
    def sha256(self) -> str:
        """The digest of what this model computes: its family, options, weights and preprocessing."""
        parts = (self.family, self.options, self.weights.sha256, to_json(self.preprocessing))
        return sha256_of(*parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was chosen on the valid fold: the softmax temperature and, in binary tasks, the decision threshold."""

    temperature: float = 1.0
    threshold: float | None = None
    threshold_metric: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Predictions of one fold as Parquet.

    Columns: `row` int64 (row id in the snapshot), `y` and `y_hat` (class index int32, or float64 in the units of the
    target) and, for classification, `p_0` .. `p_{n_classes-1}` float32. `n_unseen` counts values never seen in
    training, `n_missing` values that are missing.
    """

    table: Blob
    fold: FoldName
    n_rows: int
    target: TargetInfo
    model_sha256: str
    calibration: Calibration
    n_unseen: int = 0
    n_missing: int = 0


# --------------------------------------------------------------------------------------- evidence and decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its two-sided confidence interval at `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """A metric of one fold, with its interval and how that was made (`bootstrap`, `wilson`, `delong`, ...)."""

    name: str
    fold: FoldName
    interval: Interval
    method: str
    greater_is_better: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A picture as numbers: one or more named series of points, e.g. the ROC curve."""

    name: str
    x_label: str
    y_label: str
    series: tuple[tuple[str, tuple[float, ...], tuple[float, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One finding about the fit: a verdict, the numbers that it cites, and what to try in the spec."""

    name: str
    verdict: str
    numbers: tuple[tuple[str, float], ...]
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model does on the test fold. `confusion` is [true class][predicted class] counts."""

    metrics: tuple[MetricValue, ...]
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    curves: tuple[Curve, ...]
    diagnoses: tuple[Diagnosis, ...]
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One group of one sensitive feature or crossing: `metrics` holds (name, numerator, denominator, value) rows."""

    sensitive: str
    group: str
    n_rows: int
    share: float
    powered: bool
    metrics: tuple[tuple[str, float, float, Interval], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairGap:
    """The gap between two groups in one metric, with the bounds that the rule needs.

    `low` and `high` are the one-sided 95 % bounds (a pair passes when both lie inside the tolerance); `low_adjusted`
    and `high_adjusted` are Bonferroni bounds over all pairs and sides (a pair fails when one lies outside).
    `k_*` / `n_*` are the counts behind rates, NaN-free; for means `k` is the sum and `ss` the sum of squares.
    `gap` is a - b with the higher group as a, or a / b with the lower group as a.
    """

    metric: str
    sensitive: str
    group_a: str
    group_b: str
    n_a: float
    k_a: float
    n_b: float
    k_b: float
    ss_a: float = 0.0
    ss_b: float = 0.0
    gap: float = 0.0
    low: float = 0.0
    high: float = 0.0
    low_adjusted: float = 0.0
    high_adjusted: float = 0.0
    powered: bool = True
    scale: Literal["difference", "ratio"] = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the audit found: groups, gaps with bounds, and the cells (Parquet counts) they are recomputed from."""

    cells: Blob
    fold: FoldName
    groups: tuple[GroupRow, ...]
    gaps: tuple[PairGap, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that holds the alias now, with what is needed to predict with it again.

    `train_hashes` is an npy file of uint64: the content hashes of the rows that it was trained on.
    """

    name: str
    version: int
    model: Model
    calibration: Calibration
    train_hashes: Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate minus champion on the same rows, oriented so that positive is better, by paired bootstrap."""

    champion_version: int
    metric: str
    difference: Interval
    n_rows: int
    n_excluded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that gates may look at: numbers, never a model or a row of data. `champion_version` 0 means there is none."""

    evaluation: Evaluation
    findings: Findings | None
    comparisons: tuple[Comparison, ...]
    champion_version: int
    leaks: LeakReport | None = None
    comparison_problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Which gaps of the audit a gate judges (`metrics` as the audit names them), and the range that it lets pass."""

    metrics: tuple[str, ...]
    sensitive: str
    scale: Literal["difference", "ratio"]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate's answer: its verdict, the number and the bound it was held against, and the reason in a sentence.

    `tolerance` is there when the number is a gap between groups, so that a picture of the gaps can show it.
    """

    gate: str
    title: str
    verdict: Verdict
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    detail: tuple[str, ...] = ()
    tolerance: Tolerance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What all gates together say: `promote` only when no gate failed, erred or stayed inconclusive."""

    outcome: Literal["promote", "refuse", "inconclusive"]
    gates: tuple[GateResult, ...]
    reason: str
    champion_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The model version in the registry, and whether the alias points to it after this run."""

    name: str
    version: int
    model_sha256: str
    alias: str
    holds_alias: bool
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The files a reviewer opens; `review` is one self-contained HTML page."""

    review: Blob
    files: tuple[Blob, ...] = ()


# --------------------------------------------------------------------------------------------------- protocols


class Events(Protocol):
    """Where a stage says what happens while it runs. Emitting never blocks on a server and never raises."""

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Append one event. Values are JSON scalars, lists or dicts."""
        ...


class Silent:
    """Events that go nowhere: for stages that are called by hand."""

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Do nothing."""


# ----------------------------------------------------------------------------------------------------- as JSON


def as_data(value: Any) -> Any:
    """`value` as JSON data: dataclasses and mappings become dicts, tuples lists; other scalars stay."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [as_data(item) for item in value]
    return value


def to_json(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces; floats by their shortest exact form."""
    return json.dumps(as_data(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(cls: type[T], text: str) -> T:
    """The hand-off of type `cls` that `to_json` wrote as `text`."""
    return typing.cast(T, _build(cls, json.loads(text)))


def sha256_of(*parts: str) -> str:
    """One digest over several strings, each closed off so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def blobs_in(data: Any) -> Iterator[Blob]:
    """Every object that a hand-off, as JSON data, refers to."""
    if isinstance(data, dict):
        if data.keys() == {"uri", "sha256", "n_bytes", "name"}:
            yield Blob(**data)
        else:
            data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from blobs_in(item)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        cls = typing.cast(type, kind)
        hints = _hints(cls)
        return cls(**{name: _build(hints[name], item) for name, item in data.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_build(arguments[0], item) for item in data)
        return tuple(_build(argument, item) for argument, item in zip(arguments, data, strict=True))
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _build(next(argument for argument in arguments if argument is not type(None)), data)
    if kind is float and isinstance(data, int):
        return float(data)
    return data

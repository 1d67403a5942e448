"""The fitted preprocessing, the model, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.artifacts._data import Column
from assay.artifacts._json import sha256_of, to_json
from assay.artifacts._words import Blob, FoldName, SignalKind, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoricalFeature:
    """A feature held as codes 0..n_levels-1. Code 0 is missing, 1 is rare or never seen, 2.. are the levels.

    `shares` are those of the codes among the training rows.
    """

    name: str
    n_levels: int
    encode: Literal["onehot", "embedding"]
    shares: tuple[float, ...] = ()


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
class Signal:
    """The one input of a model that is no table cell, as networks see it.

    `shape` is that of one row: an image is uint8 [channels, height, width]; a text int32 [length], token numbers below
    `n_tokens`, 0 after its end; a series float32 [length, channels], standardised, NaN after its end. `mean` and `std`
    are those of an image's channels over the training rows, for bytes as numbers between 0 and 1.
    """

    kind: SignalKind
    column: str
    shape: tuple[int, ...]
    n_tokens: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """The fitted preprocessing: a pure function from raw columns to arrays, stored as JSON and npz, never as code.

    `numeric` and `categorical` name the features in the order of the arrays that come out. `knots` is an npy file of
    float32 [n_numeric, n_knots]: evenly spaced quantiles of every numeric feature over the training rows, from which
    piecewise-linear embeddings take their bins. `inputs` are the raw columns that are needed to predict, that of the
    `signal` included.
    """

    state: Blob
    arrays: Blob
    knots: Blob
    inputs: tuple[Column, ...]
    numeric: tuple[str, ...]
    categorical: tuple[CategoricalFeature, ...]
    target: TargetInfo
    notes: tuple[str, ...] = ()
    signal: Signal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One fold as memory-mappable npy files.

    `numeric` float32 [n_rows, n_numeric]; `codes` int16 or int32 [n_rows, n_categorical]; `target` int64 [n_rows]
    (class indices) or float32 [n_rows] (standardised); `signal` [n_rows, *shape], see `Signal`. `n_unseen` counts
    values never seen in training.
    """

    numeric: Blob
    codes: Blob
    target: Blob
    n_rows: int
    n_unseen: int = 0
    n_missing: int = 0
    signal: Blob | None = None

    @property
    def inputs(self) -> tuple[Blob, ...]:
        """What a network takes, in order."""
        return (self.numeric, self.codes) if self.signal is None else (self.numeric, self.codes, self.signal)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingArrays:
    """The encoded rows that a training may look at: these two folds and no other.

    With `embedded` the signal of each row is what a frozen backbone made of it, float32 [n_rows, n_features].
    """

    train: Encoded
    valid: Encoded
    embedded: bool = False


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
class GroupCodes:
    """Which group each row of a fold is of: an npy file of int64 [n_rows], in the order of row ids; codes of `names`.

    `columns` tell the groups apart, those of numbers cut at their `edges` (None: every value is a group).
    """

    codes: Blob
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    edges: tuple[tuple[float, ...] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupThresholds:
    """A decision threshold per group. `columns` and `edges` as in `GroupCodes`; who is of no group here has none."""

    columns: tuple[Column, ...]
    edges: tuple[tuple[float, ...] | None, ...]
    groups: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was chosen on the valid fold: the softmax temperature and, in binary tasks, the decision threshold.

    `by_group` are thresholds that go before it, where the spec asks for them.
    """

    temperature: float = 1.0
    threshold: float | None = None
    threshold_metric: str = ""
    by_group: GroupThresholds | None = None

    def inputs(self, prepared: Preprocessing) -> tuple[Column, ...]:
        """The raw columns that it takes to predict and to decide."""
        known = {column.name for column in prepared.inputs}
        of_groups = self.by_group.columns if self.by_group is not None else ()
        return (*prepared.inputs, *(column for column in of_groups if column.name not in known))


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

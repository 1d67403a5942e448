"""How raw columns become numbers and codes, learned from the training rows alone.

Why this shape. `fit` takes a `TrainFold` and nothing else that could carry a row, so a leak is a type error. It looks
at one column at a time: its numbers are sorted once, and because every step of a number rises with it (clip, log,
scale), fill values, scales and the knots of piecewise-linear embeddings are all read off that one sorted array,
whatever the order of the rows. Levels of a category are counted over training rows and sorted by value, so that
neither the order nor the contents of the snapshot's dictionary, which covers all rows, leave a trace.

What was learned is plain data (JSON and npz), and `Encoder` is a pure function of it and of an Arrow batch. Training,
evaluation and serving call the same `Encoder`: large folds go through it batch by batch into npy files, one row costs a
fraction of a millisecond. Categories stay codes (int16); nothing is ever one-hot in memory.

Missing values and levels never seen in training are handled and counted, never refused. What a person should know about
a column (dropped because it is constant, infinities taken as missing, ...) stands in `Preprocessing.notes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.artifacts import Column, Preprocessing, Task, TrainFold, TrainingArrays, ValidFold
from assay.errors import Mistake
from assay.spec.data import TargetSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.store import Store

if TYPE_CHECKING:
    from assay.preprocessing._encoder import Encoder as Encoder


def fit(
    train: TrainFold,
    config: PreprocessingSpec,
    columns: tuple[Column, ...],
    target: TargetSpec,
    task: Task,
    *,
    store: Store,
) -> Preprocessing:
    """Learn from the training rows how `columns`, the raw columns that the model may see, become features.

    Raises DataError when the spec names a column that is no feature or asks of one what its kind cannot do, when the
    target cannot be learned (one class, no spread, no numbers), or when no feature is left.
    """
    from assay.preprocessing import _fit

    return _fit.fit(train, config, columns, target, task, store)


def mistakes(config: PreprocessingSpec, columns: tuple[Column, ...]) -> tuple[Mistake, ...]:
    """What the spec asks of the raw columns that the model may see, and their kinds cannot do."""
    from assay.preprocessing import _signal
    from assay.preprocessing._rules import Rules

    return (*_signal.mistakes(config, columns), *Rules(config, _signal.apart(config, columns)[1]).mistakes)


def encode(prepared: Preprocessing, train: TrainFold, valid: ValidFold, *, store: Store) -> TrainingArrays:
    """Both folds as npy files, written batch by batch: features and target of every row, in the order of row ids.

    Raises DataError when the valid fold has a class that the training rows lack, or a target that cannot be used.
    """
    from assay.preprocessing._encode import encode_fold

    ready = encoder(prepared, store=store)
    return TrainingArrays(train=encode_fold(ready, train, store), valid=encode_fold(ready, valid, store))


def encoder(prepared: Preprocessing, *, store: Store) -> Encoder:
    """The fitted preprocessing as a function of Arrow tables. Raises StoreError when its bytes are gone or changed."""
    from assay.preprocessing._encoder import Encoder
    from assay.preprocessing._state import read

    return Encoder(*read(prepared, store))

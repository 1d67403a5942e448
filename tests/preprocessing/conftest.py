"""A snapshot and folds from a small table, and what preprocessing makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from assay import preprocessing
from assay.artifacts import Column, Encoded, Kind, Preprocessing, Task, TrainFold, TrainingArrays, ValidFold
from assay.spec.data import TargetSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.store import Store

if TYPE_CHECKING:
    from assay.preprocessing import Encoder


@dataclass
class Fitted:
    """A fitted preprocessing with the folds that it came from."""

    store: Store
    prepared: Preprocessing
    train: TrainFold
    valid: ValidFold

    @property
    def encoder(self) -> Encoder:
        return preprocessing.encoder(self.prepared, store=self.store)

    def encode(self) -> TrainingArrays:
        return preprocessing.encode(self.prepared, self.train, self.valid, store=self.store)

    def arrays(self, encoded: Encoded) -> tuple[np.ndarray, ...]:
        return tuple(np.array(self.store.array(blob)) for blob in (encoded.numeric, encoded.codes, encoded.target))

    def numeric(self, fold: str = "train") -> dict[str, np.ndarray]:
        values = self.arrays(getattr(self.encode(), fold))[0]
        return dict(zip(self.prepared.numeric, values.T, strict=True))

    def codes(self, fold: str = "train") -> dict[str, np.ndarray]:
        values = self.arrays(getattr(self.encode(), fold))[1]
        return dict(zip((feature.name for feature in self.prepared.categorical), values.T, strict=True))

    @property
    def knots(self) -> dict[str, np.ndarray]:
        return dict(zip(self.prepared.numeric, self.store.array(self.prepared.knots), strict=True))


Fit = Callable[..., Fitted]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def fit(store: Store) -> Fit:
    """Fit on the first `n_train` rows of a table (all of them by default), or on `rows`; the valid fold is the rest."""

    def fit(
        data: Any,
        spec: dict[str, Any] | None = None,
        *,
        n_train: int | None = None,
        rows: np.ndarray | None = None,
        target: str = "y",
        task: Task = "classification",
        **target_spec: Any,
    ) -> Fitted:
        table, columns = snapshot(data, target)
        rows = np.arange(table.num_rows if n_train is None else n_train) if rows is None else rows
        rest = np.setdiff1d(np.arange(table.num_rows), rows)
        blob = store.put_table(table, "snapshot.arrow")
        train = TrainFold(table=blob, rows=store.put_array(rows, "train.npy"), n_rows=len(rows))
        valid = ValidFold(table=blob, rows=store.put_array(rest, "valid.npy"), n_rows=len(rest))
        config = PreprocessingSpec.model_validate(spec or {})
        prepared = preprocessing.fit(
            train, config, columns, TargetSpec(column=target, **target_spec), task, store=store
        )
        return Fitted(store, prepared, train, valid)

    return fit


def snapshot(data: Any, target: str) -> tuple[pa.Table, tuple[Column, ...]]:
    """The table as a snapshot holds it (texts as dictionaries), and its feature columns."""
    table = data if isinstance(data, pa.Table) else pa.table(data)
    if target not in table.column_names:
        table = table.append_column(target, pa.array(["no", "yes"] * table.num_rows)[: table.num_rows])
    columns = []
    for place, field in enumerate(table.schema):
        column = table[field.name]
        if field.name != target:
            columns.append(
                Column(name=field.name, kind=kind_of(field.type), arrow_type=str(field.type), n_null=column.null_count)
            )
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(place, field.name, column.cast(pa.string()).combine_chunks().dictionary_encode())
    return table, tuple(columns)


def kind_of(kind: pa.DataType) -> Kind:
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return "datetime"
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if pa.types.is_large_binary(kind) or pa.types.is_list(kind):
        return "series" if pa.types.is_list(kind) else "image"
    return "numeric" if is_number or pa.types.is_duration(kind) or pa.types.is_null(kind) else "categorical"

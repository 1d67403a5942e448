"""A small real training: Adult, encoded once for the whole session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assay import preprocessing, training
from assay.artifacts import Column, GroupCodes, Model, Preprocessing, Task, TrainFold, TrainingArrays, ValidFold
from assay.spec.data import TargetSpec
from assay.spec.evidence import MitigateSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store

CATEGORICAL = ("workclass", "marital_status", "occupation", "sex")
NUMERIC = ("age", "education_num", "hours_per_week", "capital_gain")


class Heard:
    """Events, kept in a list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def emit(self, kind: str, /, **fields: Any) -> None:
        self.events.append((kind, fields))

    def epochs(self) -> list[int]:
        return [fields["epoch"] for kind, fields in self.events if kind == "epoch"]


@dataclass(frozen=True)
class Encoded:
    store: Store
    arrays: TrainingArrays
    prepared: Preprocessing
    train: TrainFold
    valid: ValidFold

    def spec(self, **spec: Any) -> TrainingSpec:
        return TrainingSpec(**{"epochs": 3, "lr": 0.01, **spec})

    def fit(
        self,
        folder: Path,
        *,
        family: str = "linear",
        options: dict[str, Any] | None = None,
        seed: int = 0,
        events: Heard | None = None,
        compute: dict[str, Any] | None = None,
        root: Path | None = None,
        mitigate: MitigateSpec | None = None,
        **spec: Any,
    ) -> Model:
        return training.train(
            self.arrays,
            self.prepared,
            ModelSpec(family=family, **(options or {})),
            self.spec(**spec),
            ComputeSpec(**{"device": "cpu", "threads": 1, **(compute or {})}),
            seed,
            *((mitigate, self.groups()) if mitigate is not None else ()),
            store=self.store,
            events=events or Heard(),
            folder=folder,
            root=root,
        )

    def groups(self) -> GroupCodes:
        """The sexes of the train rows."""
        sex = self.store.table(self.train.table, ["sex"]).take(pa.array(self.store.array(self.train.rows)))["sex"]
        codes = sex.combine_chunks().indices.to_numpy().astype(np.int64)
        return GroupCodes(codes=self.store.put_array(codes, "groups.npy"), names=("a", "b"), columns=(), edges=())


def encode(store: Store, table: pa.Table, target: str, task: Task) -> Encoded:
    """Every fifth row is a valid row."""
    names = [name for name in (*NUMERIC, *CATEGORICAL) if name != target]
    arrays = {name: table.column(name).combine_chunks() for name in names}
    columns = {name: array.dictionary_encode() if name in CATEGORICAL else array for name, array in arrays.items()}
    blob = store.put_table(pa.table({**columns, target: table.column(target)}), "table.arrow")
    described = tuple(
        Column(
            name=name,
            kind="categorical" if name in CATEGORICAL else "numeric",
            arrow_type=str(arrays[name].type),
            n_null=arrays[name].null_count,
        )
        for name in names
    )
    rows = np.arange(table.num_rows)
    train_rows, valid_rows = rows[rows % 5 > 0], rows[rows % 5 == 0]
    train = TrainFold(table=blob, rows=store.put_array(train_rows, "train.npy"), n_rows=len(train_rows))
    valid = ValidFold(table=blob, rows=store.put_array(valid_rows, "valid.npy"), n_rows=len(valid_rows))
    prepared = preprocessing.fit(train, PreprocessingSpec(), described, TargetSpec(column=target), task, store=store)
    return Encoded(store, preprocessing.encode(prepared, train, valid, store=store), prepared, train, valid)

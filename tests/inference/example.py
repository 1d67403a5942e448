"""Small trained models on Adult, one for each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from assay import preprocessing, training
from assay.artifacts import Column, Kind, Model, Silent, Task, TestFold, TrainFold, ValidFold
from assay.spec.data import TargetSpec
from assay.spec.preprocessing import PreprocessingSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store

INPUTS: dict[str, Kind] = {
    "age": "numeric",
    "workclass": "categorical",
    "sex": "categorical",
    "capital_gain": "numeric",
}


@dataclass(frozen=True)
class Trained:
    store: Store
    table: pa.Table
    test: TestFold
    models: dict[str, Model]


def train(root: Any, table: pa.Table, target: str, task: Task, families: tuple[str, ...]) -> Trained:
    store = Store(root / "store")
    names = {name: kind for name, kind in INPUTS.items() if name != target}
    columns: dict[str, Any] = {name: table.column(name) for name in (*names, target)}
    for name, kind in names.items():
        if kind == "categorical":
            columns[name] = columns[name].combine_chunks().dictionary_encode()
    blob = store.put_table(pa.table(columns), "table.arrow")
    described = tuple(
        Column(name=name, kind=kind, arrow_type=str(table.column(name).type), n_null=table.column(name).null_count)
        for name, kind in names.items()
    )
    rows = np.arange(table.num_rows)

    def fold(cls: Any, mask: Any) -> Any:
        return cls(table=blob, rows=store.put_array(rows[mask], "rows.npy"), n_rows=int(mask.sum()))

    train_fold, valid, test = (
        fold(TrainFold, rows % 5 > 1),
        fold(ValidFold, rows % 5 == 1),
        fold(TestFold, rows % 5 == 0),
    )
    prepared = preprocessing.fit(
        train_fold, PreprocessingSpec(), described, TargetSpec(column=target), task, store=store
    )
    arrays = preprocessing.encode(prepared, train_fold, valid, store=store)
    torch.set_num_threads(1)
    fitted = {
        family: training.train(
            arrays,
            prepared,
            ModelSpec(family=family),
            TrainingSpec(epochs=2, lr=0.005),
            ComputeSpec(device="cpu", threads=1),
            0,
            store=store,
            events=Silent(),
            folder=root / family,
        )
        for family in families
    }
    return Trained(store, table.select([*names, target]), test, fitted)

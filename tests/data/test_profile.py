from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from assay import data
from assay.spec.data import SplitSpec, TargetSpec
from assay.store import Store

from .conftest import ADULT, Take


def test_a_profile_says_per_fold_what_pandas_says(take: Take, store: Store) -> None:
    snapshot = take(str(ADULT))
    spec = SplitSpec.model_validate({"by": "column", "column": "split"})
    folds = data.split(snapshot, spec, TargetSpec(column="income"), "classification", 0, store=store)
    profile = data.profile(snapshot, folds, ("sex",), store=store)
    frame = pq.read_table(ADULT).to_pandas()
    train = frame.iloc[store.array(folds.train.rows)]
    columns = {column.name: column for column in profile.columns}
    assert list(columns) == list(frame.columns)
    for name in frame.columns:
        assert columns[name].n_unique == frame[name].nunique()
        assert columns[name].n_null == frame[name].isna().sum()
    age = dict(columns["age"].summary)["train"]
    assert f"mean {train['age'].mean():.6g}" in age
    assert f"sd {train['age'].std(ddof=0):.6g}" in age
    race = dict(columns["race"].summary)["train"]
    assert race.startswith(f"White {(train['race'] == 'White').mean():.1%}")
    assert f"{train['occupation'].isna().sum():,} missing" in dict(columns["occupation"].summary)["train"]


def test_values_of_personal_columns_are_not_shown(take: Take, store: Store) -> None:
    table = pa.table({"y": ["a", "b"] * 50, "name": [f"secret{i}" for i in range(100)], "n": [12345.5] * 100})
    snapshot = take(table=table)
    folds = data.split(snapshot, SplitSpec(), TargetSpec(column="y"), "classification", 0, store=store)
    profile = data.profile(snapshot, folds, ("name", "n"), store=store)
    assert "secret" not in str(profile)
    assert "12345" not in str(profile)


def test_a_column_of_nulls_and_times_are_profiled(take: Take, store: Store) -> None:
    table = pa.table({"y": ["a", "b"] * 50, "none": pa.nulls(100), "t": pd.date_range("2020-01-01", periods=100)})
    snapshot = take(table=table)
    folds = data.split(
        snapshot,
        SplitSpec.model_validate({"by": "time", "column": "t"}),
        TargetSpec(column="y"),
        "classification",
        0,
        store=store,
    )
    columns = {column.name: dict(column.summary) for column in data.profile(snapshot, folds, (), store=store).columns}
    assert columns["none"]["test"] == f"{folds.test.n_rows} missing of {folds.test.n_rows}"
    assert columns["t"]["train"].startswith("2020-01-01 00:00:00 to ")

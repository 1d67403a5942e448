from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from assay import data
from assay.artifacts import Folds
from assay.errors import DataError
from assay.spec import plugins
from assay.spec.data import SplitSpec, TargetSpec
from assay.store import Store

from .conftest import ADULT, Parted, Take

SPLITS: list[dict[str, Any]] = [
    {"by": "random"},
    {"by": "random", "stratify": False, "audit_frac": 0.1},
    {"by": "column", "column": "c", "train": "a", "test": "b"},
    {"by": "column", "column": "c", "train": "a", "test": "b", "audit_frac": 0.5},
    {"by": "group", "column": "g"},
    {"by": "time", "column": "t"},
    {"by": "files"},
]


def rows_of(folds: Folds, store: Store) -> dict[str, list[int]]:
    there = {"train": folds.train, "valid": folds.valid, "test": folds.test, "audit": folds.audit}
    return {name: store.array(fold.rows).tolist() for name, fold in there.items() if fold is not None}


def table_of(n_rows: int, seed: int) -> pa.Table:
    draw = np.random.default_rng(seed)
    return pa.table(
        {
            "y": draw.choice(["no", "yes", "maybe"], n_rows, p=[0.6, 0.3, 0.1]),
            "x": draw.normal(size=n_rows),
            "s": draw.choice(["u", "v", "w"], n_rows),
            "c": draw.choice(["a", "b"], n_rows, p=[0.7, 0.3]),
            "g": draw.integers(0, 25, n_rows),
            "t": draw.integers(0, 60, n_rows),
            "assay_fold": draw.choice(["train", "test"], n_rows, p=[0.7, 0.3]),
        }
    )


def test_every_splitter_of_assay_is_tried_here() -> None:
    assert {split["by"] for split in SPLITS} == set(plugins.names("splitter"))


@pytest.mark.parametrize("options", SPLITS, ids=str)
def test_folds_are_disjoint_sorted_and_hold_every_row_with_a_target(
    parted: Parted, store: Store, options: dict[str, Any]
) -> None:
    table = table_of(500, seed=1)
    y = table["y"].to_pylist()
    y[3] = y[77] = None
    folds = parted(table.set_column(0, "y", pa.array(y)), **options)
    rows = rows_of(folds, store)
    assert sorted(row for ids in rows.values() for row in ids) == [row for row in range(500) if row not in (3, 77)]
    assert all(ids == sorted(ids) for ids in rows.values())
    assert folds.n_dropped == 2
    assert store.array(folds.train.rows).dtype == np.int64
    assert store.rows(folds.test, ["y"]).num_rows == folds.test.n_rows


@pytest.mark.parametrize("options", SPLITS, ids=str)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), fold=st.sampled_from(["test", "valid", "audit"]))
def test_what_stands_in_one_fold_never_moves_a_row_between_others(
    parted: Parted, store: Store, options: dict[str, Any], seed: int, fold: str
) -> None:
    """All that does not say which fold a row goes to is replaced; labels too, except where the draw is stratified."""
    table = table_of(300, seed=2)
    before = rows_of(parted(table, **options), store)
    draw = np.random.default_rng(seed)
    changed = np.zeros(300, bool)
    changed[before.get(fold, [])] = True
    columns = {"x": draw.normal(size=300) * 1e9, "s": draw.choice(np.array(["", "never seen", None]), 300)}
    drawn_by_label = options["by"] == "random" and options.get("stratify", True)
    drawn_by_label |= fold != "test" and options["by"] in ("column", "files")
    drawn_by_label |= fold == "test" and "audit_frac" in options and options["by"] == "column"
    if not drawn_by_label:
        columns["y"] = draw.choice(["no", "yes"], 300)
    for name, values in columns.items():
        kept = np.where(changed, values, np.array(table[name].to_pylist(), dtype=object))
        table = table.set_column(table.column_names.index(name), name, pa.array(kept.tolist()))
    assert rows_of(parted(table, **options), store) == before


def test_an_official_test_fold_may_hold_any_labels(parted: Parted, store: Store) -> None:
    """The valid rows are drawn by the labels of train rows alone."""
    table = table_of(400, seed=3)
    options = {"by": "column", "column": "c", "train": "a", "test": "b"}
    before = rows_of(parted(table, **options), store)
    is_test = np.array(table["c"].to_pylist()) == "b"
    y = pa.array(np.where(is_test, "maybe", table["y"].to_numpy()).tolist())
    assert rows_of(parted(table.set_column(0, "y", y), **options), store) == before


def test_more_test_rows_change_nothing_about_train_and_valid(parted: Parted, store: Store) -> None:
    table = table_of(400, seed=4).sort_by([("assay_fold", "descending")])  # train first, as files are read
    more = pa.concat_tables([table, table.filter(pa.compute.equal(table["assay_fold"], "test"))])
    before, after = (rows_of(parted(rows, by="files"), store) for rows in (table, more))
    assert before["train"] == after["train"]
    assert before["valid"] == after["valid"]


@pytest.mark.parametrize("seed", range(3))
def test_random_folds_hold_each_class_in_the_shares_of_scikit_learn(parted: Parted, store: Store, seed: int) -> None:
    table = pq.read_table(ADULT, columns=["age", "income"])
    folds = parted(table, target="income", seed=seed, by="random", test_frac=0.25, valid_frac=0.1)
    y = table["income"].to_pandas()
    found = y[store.array(folds.test.rows)].value_counts()
    _, oracle = next(StratifiedShuffleSplit(1, test_size=0.25, random_state=0).split(y, y))
    assert (found - y.iloc[oracle].value_counts()).abs().max() <= 1
    for fold, share in (("valid", 0.1), ("train", 0.65)):
        counts = y[rows_of(folds, store)[fold]].value_counts()
        assert (counts - y.value_counts() * share).abs().max() <= 3


def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another(parted: Parted, store: Store) -> None:
    table = table_of(300, seed=5)
    first, again, other = (rows_of(parted(table, seed=seed, by="random"), store) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_dictionary_order_of_the_target_does_not_matter(parted: Parted, store: Store) -> None:
    table = table_of(300, seed=6)
    table = table.set_column(0, "y", table["y"].combine_chunks().dictionary_encode())
    codes = table["y"].combine_chunks()
    names = codes.dictionary.to_pylist()
    turned = pa.DictionaryArray.from_arrays(
        pa.array([len(names) - 1 - code for code in codes.indices.to_pylist()]), pa.array(names[::-1])
    )
    assert turned.to_pylist() == codes.to_pylist()
    before, after = (rows_of(parted(t), store) for t in (table, table.set_column(0, "y", turned)))
    assert before == after


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 40), min_size=3, max_size=30), seed=st.integers(0, 9))
def test_no_group_stands_in_two_folds(parted: Parted, store: Store, sizes: list[int], seed: int) -> None:
    if sum(sizes) < 8 or min(sizes) < 2:
        sizes = [size + 2 for size in sizes]
    groups = [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]
    table = pa.table({"g": groups, "y": np.arange(len(groups), dtype=float)})
    rows = rows_of(parted(table, task="regression", seed=seed, by="group", column="g"), store)
    names = [{groups[row] for row in ids} for ids in rows.values()]
    assert sum(map(len, names)) == len(set(groups))
    assert all(names)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.integers(0, 12), min_size=60, max_size=200))
def test_time_never_goes_back_and_ties_stay_together(parted: Parted, store: Store, times: list[int]) -> None:
    table = pa.table({"t": times, "y": np.arange(len(times), dtype=float)})
    try:
        folds = parted(table, task="regression", by="time", column="t")
    except DataError:  # many rows of one time leave a fold empty
        assert np.bincount(times).max() >= 0.1 * len(times)
        return
    train, valid, test = ([times[row] for row in ids] for ids in rows_of(folds, store).values())
    assert max(train) < min(valid) <= max(valid) < min(test)


def test_timestamps_are_split_by_time_in_the_shares_asked_for(parted: Parted, store: Store) -> None:
    when = pd.date_range("2020-01-01", periods=1000, freq="h")
    order = np.random.default_rng(0).permutation(1000)
    table = pa.table({"t": when[order], "y": np.arange(1000.0)})
    folds = parted(table, task="regression", by="time", column="t", valid_frac=0.1, test_frac=0.2, audit_frac=0.1)
    rows = rows_of(folds, store)
    assert {name: len(ids) for name, ids in rows.items()} == pytest.approx(
        {"train": 600, "valid": 100, "test": 200, "audit": 100}, abs=1
    )
    assert max(order[rows["test"]]) < min(order[rows["audit"]])


def test_equal_rows_in_two_folds_are_counted(parted: Parted) -> None:
    rows = pd.DataFrame({"x": range(40), "y": ["a", "b"] * 20, "c": ["tr"] * 20 + ["va"] * 10 + ["te"] * 10})
    rows.loc[30:34, ["x", "y"]] = rows.loc[0:4, ["x", "y"]].to_numpy()  # five test rows stand in train
    rows.loc[35, ["x", "y"]] = rows.loc[20, ["x", "y"]].to_numpy()  # one in valid
    folds = parted(pa.Table.from_pandas(rows), by="column", column="c", train="tr", valid="va", test="te")
    assert dict(folds.duplicates) == {"train/valid": 0, "train/test": 5, "valid/test": 1}


def test_the_duplicates_of_adult_are_those_that_pandas_finds(parted: Parted, store: Store) -> None:
    table = pq.read_table(ADULT)
    folds = parted(table, target="income", by="column", column="split")
    rows = rows_of(folds, store)
    frame = table.drop_columns(["split"]).to_pandas().astype(object).fillna("missing")
    contents = frame.apply(tuple, axis=1)
    train = set(contents.iloc[rows["train"]])
    assert dict(folds.duplicates)["train/test"] == sum(row in train for row in contents.iloc[rows["test"]])


BAD_TARGETS: dict[str, tuple[dict[str, Any], str, str]] = {
    "null": ({"y": [None] * 40}, "classification", "'y' is null in every row"),
    "one class": ({"y": ["a"] * 39 + [None]}, "classification", "one class, 'a'"),
    "constant": ({"y": [1.0] * 40}, "regression", "is 1.0 in every row"),
    "text": ({"y": ["a", "b"] * 20}, "regression", "is categorical.*Allowed: numbers"),
    "time": ({"y": pd.date_range("2020", periods=40)}, "classification", "is a time"),
    "too many": ({"y": [f"id{i}" for i in range(1001)]}, "classification", "1,001 different.*at most 1,000"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_a_target_that_cannot_be_learnt_from_is_told(parted: Parted, name: str) -> None:
    columns, task, message = BAD_TARGETS[name]
    with pytest.raises(DataError, match=message):
        parted(pa.table(columns), task=task)


def test_a_target_that_is_not_there_is_told_with_the_nearest_name(parted: Parted) -> None:
    with pytest.raises(DataError, match=r"no column 'incom'.*Did you mean 'income'"):
        parted(pa.table({"income": ["a", "b"]}), target="incom")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "column", "column": "c"}, r"name no fold: 'a', 'b'.*Allowed by the spec: 'train', 'test'"),
        ({"by": "column", "column": "d"}, r"no column 'd'"),
        ({"by": "column", "column": "n", "train": "1"}, r"'n' has no value in 1 of 200 rows"),
        ({"by": "column", "column": "c", "train": ["a", "b"]}, r"too few rows.*test 0"),
        ({"by": "column", "column": "c", "train": "a", "test": "b", "valid": "v"}, r"too few rows.*valid 0"),
        ({"by": "group", "column": "c"}, r"2 group.*at least 3"),
        ({"by": "time", "column": "c"}, r"'c' is text"),
        ({"by": "files"}, r"needs files that are split already"),
        ({"by": "random", "test_frac": 0.004}, r"too few rows.*test 1"),
    ],
)
def test_a_split_that_cannot_be_made_is_told(parted: Parted, options: dict[str, Any], message: str) -> None:
    table = table_of(200, seed=7).drop_columns(["assay_fold"]).append_column("n", pa.array([None] + [1] * 199))
    with pytest.raises(DataError, match=message):
        parted(table, seed=1, **options)


def test_a_class_that_no_train_row_has_is_told(parted: Parted) -> None:
    table = pa.table({"y": ["a", "b"] * 20 + ["only in test"] * 2, "c": ["train"] * 40 + ["test"] * 2})
    with pytest.raises(DataError, match=r"1 class.*stand in no train row: 'only in test'"):
        parted(table, by="column", column="c")


def test_numbers_and_booleans_name_folds_too(parted: Parted, store: Store) -> None:
    table = pa.table({"y": ["a", "b"] * 20, "c": [0] * 20 + [1] * 20, "b": [True] * 30 + [False] * 10})
    assert parted(table, by="column", column="c", train="0", test="1").test.n_rows == 20
    assert parted(table, by="column", column="b", train="true", test="false").test.n_rows == 10


def test_a_splitter_of_someone_else_gets_the_table_and_the_target(
    take: Take, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Halves:
        from assay.data.splitters.files import Config

        @staticmethod
        def assign(config: Any, table: pa.Table, target: Any, task: Any, seed: int) -> Any:
            return (np.arange(table.num_rows) % 3).astype(np.int8)

    monkeypatch.setattr(plugins, "load", lambda kind, name: Halves)
    snapshot = take(table=pa.table({"y": ["a", "b"] * 30}))
    folds = data.split(snapshot, SplitSpec(by="halves"), TargetSpec(column="y"), "classification", 0, store=store)
    assert folds.test.n_rows == 20

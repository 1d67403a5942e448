from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay import data
from assay.errors import DataError
from assay.spec.data import DataSpec
from assay.store import Store

from .conftest import ADULT, Take


def test_every_cell_of_adult_arrives_as_it_stands_in_the_file(take: Take, store: Store) -> None:
    snapshot = take(str(ADULT))
    table = store.table(snapshot.table)
    expected = pq.read_table(ADULT)
    assert snapshot.n_rows == expected.num_rows == 48_842
    for name in expected.column_names:
        assert table.column(name).to_pylist() == expected.column(name).to_pylist()
        assert snapshot.column(name).n_null == expected.column(name).null_count
    assert snapshot.column("age").kind == "numeric"
    assert snapshot.column("sex").kind == "categorical"
    assert snapshot.column("sex").arrow_type == "string"


def test_a_snapshot_is_one_batch_with_the_smallest_codes_that_fit(take: Take, store: Store) -> None:
    levels = [f"level {i}" for i in range(200)]
    snapshot = take(table=pa.table({"few": ["a", "b"] * 100, "many": levels, "n": range(200)}))
    with pa.memory_map(str(store.path(snapshot.table))) as file:
        reader = pa.ipc.open_file(file)
        assert reader.num_record_batches == 1
        assert reader.schema.field("few").type == pa.dictionary(pa.int8(), pa.string())
        assert reader.schema.field("many").type == pa.dictionary(pa.int16(), pa.string())


def test_the_same_rows_as_csv_and_as_parquet_give_the_same_values(take: Take, store: Store, tmp_path: Path) -> None:
    rows = pq.read_table(ADULT).slice(0, 3000)
    pc.write_csv(rows, tmp_path / "a.csv")
    pq.write_table(rows, tmp_path / "a.parquet", row_group_size=700)
    assert store.table(take("a.csv").table).to_pylist() == store.table(take("a.parquet").table).to_pylist()


def test_the_digest_of_one_file_is_the_sha256_of_its_bytes(take: Take) -> None:
    source = take(str(ADULT)).source
    assert source.sha256 == hashlib.sha256(ADULT.read_bytes()).hexdigest()
    assert source.n_bytes == ADULT.stat().st_size


def test_folders_and_globs_are_read_in_the_order_of_their_names(take: Take, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    (folder / "inner").mkdir(parents=True)
    (folder / "b.csv").write_text("x,y\n3,c\n")
    (folder / "a.csv").write_text("x,y\n1,a\n2,b\n")
    (folder / "inner" / "c.csv").write_text("y,x\nd,4.5\n")
    (folder / "_SUCCESS").write_text("")
    assert store.table(take("parts").table).column("x").to_pylist() == [1, 2, 3, 4.5]
    assert store.table(take("parts/*.csv").table).column("y").to_pylist() == ["a", "b", "c", "d"]
    assert store.table(take("parts/b*").table).column("y").to_pylist() == ["c"]
    assert take("parts").source.files == ("a.csv", "b.csv", "inner/c.csv")


def test_a_type_that_only_late_rows_contradict_is_widened_for_all_rows(
    take: Take, store: Store, tmp_path: Path
) -> None:
    n = 250_000  # several blocks
    lines = [f"{i},{i},,2020-01-01,x\n" for i in range(n)]
    lines[-1] = "0.5,abc,true,2020-01-01T10:00:00,10\n"
    (tmp_path / "a.csv").write_text("float,text,flag,when,plain\n" + "".join(lines))
    snapshot = take("a.csv")
    table = store.table(snapshot.table)
    assert table.column("float").to_pylist()[-2:] == [n - 2, 0.5]
    assert table.column("text").to_pylist()[-2:] == [str(n - 2), "abc"]
    assert table.column("flag").to_pylist()[-2:] == [None, "true"]
    assert table.column("when").to_pylist()[-2:] == [
        datetime.datetime(2020, 1, 1),
        datetime.datetime(2020, 1, 1, 10),
    ]
    assert snapshot.column("flag").arrow_type == "bool"


def test_words_for_missing_are_null_and_nan_is_null(take: Take, store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,s\n1,a\n?,NA\n,?\nnan,N/A\n2,b\n")
    assert store.table(take("a.csv").table).to_pydict() == {
        "x": [1, None, None, None, 2],
        "s": ["a", None, None, None, "b"],
    }
    assert store.table(take(table=pa.table({"x": [1.0, float("nan"), None]})).table)["x"].null_count == 2


def test_tabs_latin_1_gzip_and_a_file_without_names(take: Take, store: Store, tmp_path: Path) -> None:
    import gzip

    (tmp_path / "a.tsv").write_text("x\ty\n1\ta,b\n")
    (tmp_path / "b.csv").write_bytes("x\ncafé\n".encode("latin-1"))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    (tmp_path / "d.data").write_text("1;a\n2;b\n")
    assert store.table(take("a.tsv").table).to_pydict() == {"x": [1], "y": ["a,b"]}
    assert store.table(take("b.csv", encoding="latin-1").table).to_pydict() == {"x": ["café"]}
    assert store.table(take("c.csv.gz").table).to_pydict() == {"x": [1]}
    given = take("d.data", format="csv", delimiter=";", column_names=["x", "y"])
    assert store.table(given.table).to_pydict() == {"x": [1, 2], "y": ["a", "b"]}


def test_only_the_columns_that_are_asked_for_are_read(take: Take, tmp_path: Path) -> None:
    snapshot = take(str(ADULT), columns=["sex", "age"])
    assert [column.name for column in snapshot.columns] == ["age", "sex"]
    with pytest.raises(DataError, match=r"no column 'sexx'.*Did you mean 'sex'"):
        take(str(ADULT), columns=["sexx"])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_that_are_split_already_say_which_fold_a_row_is_of(
    take: Take, store: Store, tmp_path: Path, suffix: str
) -> None:
    for name, rows in {"train": {"x": [1, 2]}, "test": {"x": [3]}}.items():
        table = pa.table(rows)
        path = tmp_path / f"{name}.{suffix}"
        pc.write_csv(table, path) if suffix == "csv" else pq.write_table(table, path)
    snapshot = take({"test": f"test.{suffix}", "train": f"train.{suffix}"})
    assert store.table(snapshot.table).to_pydict() == {"x": [1, 2, 3], "assay_fold": ["train", "train", "test"]}


def test_a_test_file_never_changes_the_types_of_the_train_file(take: Take, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x\n1\n2\n")
    (tmp_path / "test.csv").write_text("x\n3\nsecret\n")
    with pytest.raises(DataError, match=r"test\.csv, line 3: column 'x'.*int64") as caught:
        take({"train": "train.csv", "test": "test.csv"})
    assert "secret" not in str(caught.value)


def test_tables_from_pandas_and_arrow_are_taken_without_the_index(take: Take, store: Store) -> None:
    frame = pd.DataFrame(
        {
            "n": [1.5, np.nan],
            "s": ["a", None],
            "c": pd.Categorical(["u", "v"]),
            "b": [True, False],
            "d": pd.to_datetime(["2020-01-01", "NaT"]),
        },
        index=[7, 9],
    )
    snapshot = take(table=frame)
    assert {column.name: column.kind for column in snapshot.columns} == {
        "n": "numeric",
        "s": "categorical",
        "c": "categorical",
        "b": "categorical",
        "d": "datetime",
    }
    assert store.table(snapshot.table).to_pydict() == {
        "n": [1.5, None],
        "s": ["a", None],
        "c": ["u", "v"],
        "b": ["true", "false"],
        "d": [datetime.datetime(2020, 1, 1), None],
    }
    assert snapshot.source.sha256 != data.fingerprint(DataSpec(), Path(), frame.assign(n=2.0)).sha256


def test_unusual_types_become_one_of_the_four(take: Take, store: Store) -> None:
    day = datetime.date(2020, 2, 3)
    berlin = pa.array([datetime.datetime(2020, 1, 1, 12)], pa.timestamp("ns", "UTC")).cast(
        pa.timestamp("ns", "Europe/Berlin")
    )
    table = pa.table(
        {
            "decimal": pa.array([1], pa.decimal128(5, 2)),
            "half": pa.array([np.float16(0.5)]),
            "date": [day],
            "zone": berlin,
            "time": [datetime.time(10, 30)],
            "nulls": pa.nulls(1),
            "large": pa.array(["a"], pa.large_string()),
            "view": pa.array(["b"], pa.string_view()),
            "numbers": pa.array([5]).dictionary_encode(),
        }
    )
    assert store.table(take(table=table).table).to_pydict() == {
        "decimal": [1.0],
        "half": [0.5],
        "date": [datetime.datetime(2020, 2, 3)],
        "zone": [datetime.datetime(2020, 1, 1, 12)],
        "time": ["10:30:00.000000"],
        "nulls": [None],
        "large": ["a"],
        "view": ["b"],
        "numbers": ["5"],
    }


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=6), min_size=1, max_size=5))
def test_batches_with_any_dictionaries_join_to_the_same_values(batches: list[list[str | None]]) -> None:
    from assay.data._columns import encode

    if not any(batches):
        return
    arrays = [pa.array(values, pa.string()) for values in batches]
    encoded = [array.dictionary_encode() if i % 2 else array for i, array in enumerate(arrays)]
    table = encode(pa.record_batch({"x": array}) for array in encoded)
    joined = table.column("x").combine_chunks()
    assert joined.to_pylist() == [value for values in batches for value in values]
    assert len(set(joined.dictionary.to_pylist())) == len(joined.dictionary)

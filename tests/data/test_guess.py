from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from assay import data, validation
from assay.data import describe_for_spec
from assay.errors import DataError
from assay.spec.data import SplitSpec, TargetSpec, ValidationSpec
from assay.store import Store

from .conftest import ADULT, Take


def people(n: int = 200) -> pd.DataFrame:
    return pd.DataFrame({
        "customer_id": range(1000, 1000 + n),
        "contact": [f"p{i % 50}@example.org" for i in range(n)],
        "tel": [f"+49 30 {1000000 + i % 90}" for i in range(n)],
        "last_name": ["Lovelace", "Hopper"] * (n // 2),
        "gender": ["f", "m", "x", "f"] * (n // 4),
        "spend": [i / 3 for i in range(n)],
        "visits": [i % 40 for i in range(n)],
        "churn": ["no", "no", "no", "yes"] * (n // 4),
        "joined": pd.date_range("2020-01-01", periods=n),
    })  # fmt: skip


def test_adult_is_described_as_its_authors_meant_it() -> None:
    found = describe_for_spec(ADULT)
    assert found["task"] == "classification"
    assert found["target"] == {"column": "income", "positive": ">50K"}
    assert found["split"] == {"by": "column", "column": "split", "train": "train", "test": "test"}
    assert found["sensitive"] == ["marital_status", "race", "sex"]
    assert found["personal"] == []
    assert found["n_rows"] == 48_842


def test_diamonds_is_a_regression_of_the_price() -> None:
    found = describe_for_spec(ADULT.parents[1] / "diamonds" / "diamonds.parquet")
    assert (found["task"], found["target"], found["split"]) == ("regression", {"column": "price"}, {"by": "random"})


def test_people_are_seen_as_people(tmp_path: Path) -> None:
    people().to_csv(tmp_path / "people.csv", index=False)
    found = describe_for_spec(tmp_path / "people.csv")
    assert found["personal"] == ["contact", "tel", "last_name"]
    assert found["features"]["exclude"] == ["customer_id", "contact", "tel", "last_name"]
    assert found["target"] == {"column": "churn", "positive": "yes"}
    assert "example.org" not in str(found)
    assert {"type": "unique", "column": "customer_id", "severity": "warn"} in found["expectations"]


def test_expectations_are_read_off_the_train_rows_alone(tmp_path: Path) -> None:
    table = pq.read_table(ADULT).to_pandas()
    before = describe_for_spec(ADULT)["expectations"]
    is_test = table["split"] == "test"
    table.loc[is_test, "age"] = 1000
    table.loc[is_test, "race"] = None
    table.loc[is_test, "sex"] = "unknown"
    table.to_parquet(tmp_path / "adult.parquet")
    assert describe_for_spec(tmp_path / "adult.parquet")["expectations"] == before
    ages = pq.read_table(ADULT, filters=[("split", "=", "train")]).column("age").to_pandas()
    between = next(e for e in before if e["type"] == "between" and e["column"] == "age")
    assert between["min"] >= ages.min()
    assert between["max"] <= ages.max()


@pytest.mark.parametrize("name", ["adult", "people"])
def test_a_spec_of_what_was_guessed_splits_and_validates(take: Take, store: Store, tmp_path: Path, name: str) -> None:
    path = ADULT
    if name == "people":
        path = tmp_path / "people.parquet"
        people().to_parquet(path)
    found = describe_for_spec(path)
    snapshot = take(str(path))
    spec = ValidationSpec.model_validate({"expectations": found["expectations"]})
    report = validation.validate(snapshot, spec, tuple(found["personal"]), store=store)
    assert report.passed
    split = SplitSpec.model_validate(found["split"])
    target = TargetSpec.model_validate(found["target"])
    assert data.split(snapshot, split, target, found["task"], 0, store=store).test.n_rows > 0


def test_a_file_in_which_nothing_can_be_predicted_is_told(tmp_path: Path) -> None:
    pd.DataFrame({"same": ["a"] * 30, "id": range(30)}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match="No column can be predicted"):
        describe_for_spec(tmp_path / "a.csv")
    with pytest.raises(DataError, match="no such file"):
        describe_for_spec(tmp_path / "b.csv")

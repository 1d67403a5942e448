"""What a registered model takes through MLflow: missing values in every column, also where training rows had none."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assay
from assay import inference, tracking
from assay.store import Store

START = dt.datetime(2026, 1, 1)
N_ROWS = 40


class Served:
    """A model of every kind of column, as MLflow loads it and as we do, and rows for both."""

    def __init__(self, home: Path, spec: Path, table: pa.Table) -> None:
        n = table.num_rows
        table = (
            table.append_column("share", pa.array([index % 7 / 3 for index in range(n)]))
            .append_column("flag", pa.array([index % 3 == 0 for index in range(n)]))
            .append_column("seen", pa.array([START + dt.timedelta(hours=index) for index in range(n)]))
            .append_column("day", pa.array([(START + dt.timedelta(days=index)).date() for index in range(n)]))
        )
        pq.write_table(table, spec.parent / "small.parquet")
        result = assay.run(assay.load_spec(spec), home=home)
        assert result.registered is not None
        mlflow.set_tracking_uri(tracking.local_uri(home))
        mlflow.set_registry_uri(tracking.local_uri(home))
        self.pyfunc: Any = mlflow.pyfunc.load_model(result.registered.uri)
        self.predictor = inference.predictor(result.model, result.calibration, store=Store(home / "store"))
        self.names = [column.name for column in result.model.preprocessing.inputs]
        kinds = {column.arrow_type for column in result.model.preprocessing.inputs}
        assert {"int64", "double", "bool", "timestamp[us]", "date32[day]"} <= kinds
        self.rows = table.select(self.names).slice(0, N_ROWS)

    def expected(self, rows: pa.Table) -> Any:
        """The probability of the positive class, without MLflow."""
        p_BO = self.predictor(rows).p_BO
        assert p_BO is not None
        return p_BO[:, 1]

    def given(self, frame: pd.DataFrame) -> Any:
        """The same through `mlflow.pyfunc`."""
        return self.pyfunc.predict(frame)["p_>50K"].to_numpy()


@pytest.fixture
def served(home: Path, spec_path: Path, small_adult: pa.Table) -> Any:
    yield Served(home, spec_path, small_adult)
    # MLflow keeps the address in the environment too, where every later test would find it.
    mlflow.set_tracking_uri("")
    mlflow.set_registry_uri("")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.environ.pop("MLFLOW_REGISTRY_URI", None)


def without(rows: pa.Table, name: str, which: list[int]) -> pa.Table:
    """The rows, of which some lack a value of the column `name`."""
    values = [None if i in which else value for i, value in enumerate(rows[name].to_pylist())]
    return rows.set_column(rows.schema.get_field_index(name), name, pa.array(values, rows.schema.field(name).type))


def test_every_column_may_lack_values_and_whole_numbers_pass(served: Served) -> None:
    whole = served.rows.to_pandas()
    np.testing.assert_allclose(served.given(whole), served.expected(served.rows), rtol=1e-5)
    for name in served.names:
        for which in ([1, 5, 6], list(range(N_ROWS))):
            rows = without(served.rows, name, which)
            np.testing.assert_allclose(served.given(rows.to_pandas()), served.expected(rows), rtol=1e-5, err_msg=name)
            nones = whole.astype({name: object}).assign(**{name: rows[name].to_pylist()})
            np.testing.assert_allclose(served.given(nones), served.expected(rows), rtol=1e-5, err_msg=name)


def test_pandas_types_that_hold_missing_values_pass(served: Served) -> None:
    rows = without(without(without(served.rows, "age", [3]), "flag", [4]), "share", [5])
    frame = rows.to_pandas().astype({"age": "Int64", "flag": "boolean", "share": "Float64", "workclass": "category"})
    np.testing.assert_allclose(served.given(frame), served.expected(rows), rtol=1e-5)


def test_json_may_lack_values_in_every_column(served: Served) -> None:
    from mlflow.utils.proto_json_utils import dataframe_from_parsed_json

    for name in served.names:
        rows = without(served.rows, name, [0, 2])
        text = json.dumps(
            {"columns": served.names, "data": [list(row.values()) for row in rows.to_pylist()]}, default=str
        )
        frame = dataframe_from_parsed_json(json.loads(text), "split", served.pyfunc.metadata.get_input_schema())
        np.testing.assert_allclose(served.given(frame), served.expected(rows), rtol=1e-5, err_msg=name)


def test_a_text_where_numbers_were_is_still_refused(served: Served) -> None:
    with pytest.raises(Exception, match="age"):
        served.pyfunc.predict(served.rows.to_pandas().assign(age="old"))

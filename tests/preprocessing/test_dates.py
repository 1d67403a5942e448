"""Parts of dates: pandas is the oracle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.preprocessing._dates import part
from assay.spec.preprocessing import DatePart

PANDAS: dict[DatePart, str] = {
    "year": "year",
    "month": "month",
    "day": "day",
    "weekday": "day_of_week",
    "dayofyear": "day_of_year",
    "hour": "hour",
    "minute": "minute",
}
PLAIN = {"numeric": {"scale": "none"}}


@given(st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)) | st.none(), min_size=1))
def test_parts_are_those_of_pandas(times: list[datetime | None]) -> None:
    t_B = np.array(times, "datetime64[us]")
    oracle = pd.Series(t_B).dt
    for name, oracle_name in PANDAS.items():
        np.testing.assert_array_equal(part(t_B, name), getattr(oracle, oracle_name).astype(float))
    elapsed = (pd.Series(t_B) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    np.testing.assert_allclose(part(t_B, "elapsed_days"), elapsed, rtol=1e-12)


def test_a_date_becomes_its_parts_and_the_hour_that_it_lacks_is_noted_where_it_was_asked_for(fit: Any) -> None:
    days = [date(2024, 1, 31), date(2024, 2, 29), None, date(2025, 12, 1)]
    found = fit({"d": pa.array(days)}, PLAIN)
    names = ("d.year", "d.month", "d.day", "d.weekday", "d.elapsed_days", "d.missing")
    assert found.prepared.numeric == names
    assert found.prepared.notes == ()
    asked = fit({"d": pa.array(days)}, PLAIN | {"datetime": {"parts": ["day", "hour"]}})
    assert asked.prepared.notes == ("'d.hour' is left out: it has the same value in all training rows.",)
    values = found.numeric()
    np.testing.assert_array_equal(values["d.day"], [31, 29, 29, 1])  # the median fills
    np.testing.assert_array_equal(values["d.missing"], [0, 0, 1, 0])
    assert found.encode().train.n_missing == 1


def test_parts_are_of_the_time_zone_that_the_column_had_in_training(fit: Any) -> None:
    times = [datetime(2024, 7, 1, 22, 30, tzinfo=UTC), datetime(2024, 1, 1, 22, 30, tzinfo=UTC)]
    spec = PLAIN | {"datetime": {"parts": ["day", "hour"]}}
    found = fit(pa.table({"t": pa.array(times, pa.timestamp("ms", "Europe/Berlin"))}), spec)
    np.testing.assert_array_equal(found.numeric()["t.hour"], [0, 23])
    np.testing.assert_array_equal(found.numeric()["t.day"], [2, 1])
    tokyo = [time.astimezone(timezone(timedelta(hours=9))) for time in times]
    again = found.encoder.features(pa.table({"t": pa.array(tokyo, pa.timestamp("us", "Asia/Tokyo"))}))
    np.testing.assert_array_equal(again[0], np.stack([*found.numeric().values()], axis=1))


def test_text_becomes_a_date_where_the_spec_says_so(fit: Any) -> None:
    texts = ["2024-03-01", "2024-03-02T12:00:00", "2024-03-02T14:00:00+02:00", "soon", None]
    spec = PLAIN | {"columns": {"t": {"kind": "datetime", "parts": ["elapsed_days"]}}}
    values = fit({"t": texts}, spec).numeric()
    np.testing.assert_array_equal(values["t.elapsed_days"], [19783, 19784.5, 19784.5, 19784.5, 19784.5])
    np.testing.assert_array_equal(values["t.missing"], [0, 0, 0, 1, 1])


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns")])
def test_every_width_of_a_date_gives_the_same_parts(fit: Any, kind: pa.DataType) -> None:
    days = pa.array([date(1999, 12, 31), date(2000, 1, 1)]).cast(kind)
    values = fit(pa.table({"d": days}), PLAIN).numeric()
    np.testing.assert_array_equal(values["d.year"], [1999, 2000])
    np.testing.assert_array_equal(values["d.month"], [12, 1])

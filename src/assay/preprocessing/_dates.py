"""Parts of dates and times. B rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.preprocessing._read import Floats, Times
from assay.spec.preprocessing import DatePart

_EPOCH, _DAY = np.datetime64(0, "us"), np.timedelta64(1, "D")


def part(t_B: Times, name: DatePart) -> Floats:
    """One part of every time, NaN where there is none.

    Monday is weekday 0; days of the year start at 1; `elapsed_days` counts from 1970-01-01, with fractions.
    """
    value_B = (t_B - _EPOCH) / _DAY if name == "elapsed_days" else _whole(t_B, name)
    return np.where(np.isnat(t_B), np.nan, value_B)


def _whole(t_B: Times, name: DatePart) -> NDArray[np.int64]:
    year_B, month_B, day_B = (t_B.astype(f"datetime64[{unit}]") for unit in "YMD")
    value_B: NDArray[np.int64]
    match name:
        case "year":
            value_B = year_B.astype(np.int64) + 1970
        case "month":
            value_B = month_B.astype(np.int64) % 12 + 1
        case "day":
            value_B = (day_B - month_B).astype(np.int64) + 1
        case "weekday":
            value_B = (day_B.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        case "dayofyear":
            value_B = (day_B - year_B).astype(np.int64) + 1
        case "hour":
            value_B = (t_B - day_B).astype("timedelta64[h]").astype(np.int64)
        case _:
            assert name == "minute", name
            value_B = (t_B - day_B).astype("timedelta64[m]").astype(np.int64) % 60
    return value_B

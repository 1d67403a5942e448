"""How often the retrain rule fires when nothing has moved, and whether it does when something has.

Quiet: reference and windows are drawn from one population, the rows of Adult; every 20 windows get a reference of their
own, since the chance in it is shared by all of its windows. Real: flights from New York with the weather of their hour,
January against the weeks of March.

python benchmarks/drift.py quiet --rows 200 [--windows 500] [--seed 0] [--no-sample]
python benchmarks/drift.py flights --data FOLDER
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay import monitoring
from assay.artifacts import ColumnReference, Look, Reference, Window
from assay.monitoring._cut import Piece
from assay.monitoring._reference import _sample, column_of
from assay.spec.monitoring import MonitoringSpec
from assay.store import Store

ADULT = Path(__file__).parent.parent / "examples/adult/adult.parquet"
LEFT_OUT = ("income", "split", "fnlwgt")
REFERENCE_ROWS, WINDOWS_OF_A_REFERENCE = 20_000, 20
WEATHER = ("temp", "dewp", "humid", "wind_speed", "pressure", "visib")
FLIGHT = ("sched_dep_time", "carrier", "origin", "dest", "distance")


def made(table: pa.Table, store: Store, n_sampled: int, seed: str) -> Reference:
    """A reference of all columns of a table, with no model."""
    columns: Sequence[ColumnReference] = tuple(
        column_of(name, "categorical" if pa.types.is_dictionary(table[name].type) else "numeric", table[name])
        for name in table.column_names
    )
    sample = _sample(table, columns, n_sampled, seed, store)
    return Reference(
        columns=tuple(columns), predictions=(), personal=(), sample=sample, metrics=(), n_rows=table.num_rows
    )


def look(table: pa.Table, of: Reference, config: MonitoringSpec, number: int, store: Store) -> Window:
    piece = Piece(str(number), "", lambda: table)
    return replace(monitoring.compared(table, of, config, piece, store=store), number=number)


def population() -> pa.Table:
    table = pq.read_table(ADULT).drop_columns(LEFT_OUT)
    return pa.table({name: _coded(table[name]) for name in table.column_names})


def _coded(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    is_number = pa.types.is_integer(array.type) or pa.types.is_floating(array.type)
    return array if is_number or pa.types.is_dictionary(array.type) else array.cast(pa.string()).dictionary_encode()


def quiet(n_rows: int, n_windows: int, seed: int, n_sampled: int = 2000) -> tuple[int, int, int]:
    """Windows that violate, times that the rule fires (asked after every window), and windows."""
    table, config, rng = population(), MonitoringSpec(), np.random.default_rng([seed, n_rows])
    n_violating = n_fires = 0
    for start in range(0, n_windows, WINDOWS_OF_A_REFERENCE):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            own = made(_drawn(table, REFERENCE_ROWS, rng), store, n_sampled, f"{seed} {start}")
            windows: list[Window] = []
            for number in range(1, min(WINDOWS_OF_A_REFERENCE, n_windows - start) + 1):
                windows.append(look(_drawn(table, n_rows, rng), own, config, number, store))
                n_fires += monitoring.judged("adult", 1, tuple(windows), config, 0).verdict == "FIRES"
            n_violating += sum(window.verdict == "VIOLATES" for window in windows)
    return n_violating, n_fires, n_windows


def _drawn(table: pa.Table, n: int, rng: np.random.Generator) -> pa.Table:
    return table.take(pa.array(rng.integers(0, len(table), n)))


def flights(data: Path) -> tuple[Any, list[Look]]:
    """January against the weeks of March: what the rule says after the last, and what has moved in it."""
    table = joined(data)
    config = MonitoringSpec()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        columns = [*FLIGHT, *WEATHER]
        january = table.filter(pc.equal(table["month"], 1)).select(columns)
        own = made(january, store, 2000, "flights")
        march = table.filter(pc.equal(table["month"], 3))
        weeks = [march.filter(pc.equal(pc.divide(march["day"], 8), k)).select(columns) for k in range(4)]
        windows = tuple(look(week, own, config, number, store) for number, week in enumerate(weeks, 1))
    watched = monitoring.judged("flights", 1, windows, config, 0)
    return watched, [each for each in windows[-1].looks if each.moved]


def joined(data: Path) -> pa.Table:
    """The flights with the weather of their hour at their airport."""
    flown = pq.read_table(data / "nyc_flights_2013_q1.parquet")
    weather = pq.read_table(data / "nyc_weather_2013_q1.parquet")
    keys = ["origin", "year", "month", "day", "hour"]
    for key in keys[1:]:
        flown = flown.set_column(flown.schema.get_field_index(key), key, flown[key].cast(pa.int64()))
        weather = weather.set_column(weather.schema.get_field_index(key), key, weather[key].cast(pa.int64()))
    both = flown.select([*keys, *(name for name in FLIGHT if name != "origin")]).join(
        weather.select([*keys, *WEATHER]), keys, join_type="left outer"
    )
    return pa.table({name: _coded(both[name]) for name in both.column_names})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("quiet", "flights"))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-sample", action="store_true")
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    start = time.perf_counter()
    if asked.what == "flights":
        watched, moved = flights(asked.data)
        print(f"{watched.verdict}: {watched.reason}")
        for each in moved:
            print(f"  {each.name} ({each.about}): {each.measure} {each.effect:.3f}; {each.detail}")
        return
    violating, fires, n = quiet(asked.rows, asked.windows, asked.seed, 0 if asked.no_sample else 2000)
    print(
        f"{asked.rows} rows: {violating} of {n} windows violate, the rule fires {fires} times "
        f"({time.perf_counter() - start:.0f} s)"
    )


if __name__ == "__main__":
    main()

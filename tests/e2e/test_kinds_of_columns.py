"""Every kind of column that a table can have goes through the whole chain, and what is odd about it is told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import assay
import assay.errors

START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def odd_columns(table: pa.Table) -> pa.Table:
    """The table with booleans, times with a zone, times of day, nothing at all, and levels that train rows lack."""
    n, test = table.num_rows, [mark == "test" for mark in table["split"].to_pylist()]
    zoned = pa.timestamp("us", tz="Europe/Berlin")
    return (
        table.append_column("flag", pa.array([index % 3 == 0 for index in range(n)]))
        .append_column("seen", pa.array([START + dt.timedelta(hours=index) for index in range(n)], zoned))
        .append_column("clock", pa.array([dt.time(index % 24, 0) for index in range(n)], pa.time64("us")))
        .append_column("nothing", pa.nulls(n))
        .append_column("town", pa.array(["Atlantis" if late else "Riga" for late in test]))
        .append_column("size", pa.array(["S" if index % 2 else "L" for index in range(n)]))
    )


def test_booleans_zones_times_and_nothing_go_through_and_are_told(
    home: Path, spec_path: Path, small_adult: pa.Table
) -> None:
    pq.write_table(odd_columns(small_adult), spec_path.parent / "small.parquet")
    result = assay.run(assay.load_spec(spec_path), home=home)
    assert result.outcome == "promoted"
    inputs = {column.name for column in result.model.preprocessing.inputs}
    assert {"flag", "seen", "clock", "size"} <= inputs
    assert not inputs & {"nothing", "town"}
    assert any("nothing" in warning for warning in result.warnings)


def test_levels_never_seen_in_training_are_counted_and_told(home: Path, spec_path: Path, small_adult: pa.Table) -> None:
    test = [mark == "test" for mark in small_adult["split"].to_pylist()]
    towns = pa.array(["Atlantis" if late else ("Riga", "Bern")[n % 2] for n, late in enumerate(test)])
    pq.write_table(small_adult.append_column("town", towns), spec_path.parent / "small.parquet")
    result = assay.run(assay.load_spec(spec_path), home=home)
    (told,) = (warning for warning in result.warnings if "never seen in training" in warning)
    assert int(told.split()[0].replace(",", "")) >= sum(test)


def test_an_audit_fold_that_the_split_does_not_set_apart_is_a_mistake(home: Path, spec_path: Path) -> None:
    spec = assay.load_spec(spec_path, ["audit={sensitive: [sex], fold: audit}"])
    with pytest.raises(assay.errors.SpecError, match="audit_frac"):
        assay.run(spec, home=home)
    apart = assay.load_spec(spec_path, ["audit={sensitive: [sex], fold: audit}", "split.audit_frac=0.3"])
    result = assay.run(apart, home=home)
    assert result.findings is not None
    assert result.findings.fold == "audit"

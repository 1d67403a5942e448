"""Each bad input ends in one DataError that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.errors import DataError

from .conftest import ADULT, Take

CSV = {
    "empty": (b"", r"a\.csv is empty"),
    "blank lines": (b"\n\n", r"no rows"),
    "names alone": (b"x,y\n", r"no rows"),
    "same name twice": (b"x,y,x\n1,2,3\n", r"there twice: 'x'"),
    "no name": (b",x\n0,1\n", r"Column 1 has no name.*index=False"),
    "ragged": (b"x,y\n1,2\n3\n4,5\n", r"a\.csv, line 3: 1 cells, and there are 2 columns"),
    "latin-1": (b"x,y\n1,a\n2,caf\xe9\n", r"line 3, byte 13 of the file: not UTF-8.*encoding: latin-1"),
    "latin-1 in the names": (b"x,\xe9\n1,a\n", r"line 1, byte 2 of the file: not UTF-8"),
    "late latin-1": (b"x\n" + b"abc\n" * 2_000_000 + b"\xff\n", r"line 2,000,002, byte 8,000,002 of the file"),
    "huge cell": (b"x,y\n1,a\n2," + b"z" * 10_000_000 + b"\n", r"line 3: a cell of more than 1,000,000 bytes"),
    "big cell": (b"x,y\n1,a\n2," + b"z" * 1_000_001 + b"\n", r"'y', row 2: a cell of 1,000,001 bytes"),
    "quote never closed": (b'x,y\n1,"a\n' + b"2,b\n" * 2_000_000, r"quote is never closed"),
    "infinite": (b"x\n1.5\ninf\n-inf\n", r"Column 'x' holds 2 infinite.*inf in row 2, -inf in row 3"),
}


@pytest.mark.parametrize("name", CSV)
def test_a_bad_csv_file_is_told_by_line_and_column(take: Take, tmp_path: Path, name: str) -> None:
    content, message = CSV[name]
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        take("a.csv")
    assert len(str(caught.value)) < 600
    assert "Allowed" in str(caught.value)


def test_a_cell_at_the_limit_is_read(take: Take, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n" + b"z" * 1_000_000 + b"\n")
    assert take("a.csv").n_rows == 1


def test_a_missing_file_is_told_with_the_nearest_name(take: Take, tmp_path: Path) -> None:
    (tmp_path / "adult.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"adlut\.csv: there is no such file.*Did you mean 'adult\.csv'"):
        take("adlut.csv")
    with pytest.raises(DataError, match="no such file or folder"):
        take("nothing/at/all.csv")
    with pytest.raises(DataError, match="no such file or folder"):
        take("*.parquet")


@pytest.mark.parametrize("uri", ["ftp://host/a.csv", "file:///etc/passwd", "http://host/a.csv"])
def test_only_known_schemes_are_opened(take: Take, uri: str) -> None:
    with pytest.raises(DataError, match=r"unknown scheme.*Allowed: s3://, gs://"):
        take(uri)


def test_an_s3_error_keeps_the_keys_to_itself(take: Take) -> None:
    with pytest.raises(DataError) as caught:
        take("s3://AKIAKEY:topsecret@bucket/a.csv?scheme=http&endpoint_override=127.0.0.1:1&region=x&allow_bucket=0")
    assert "topsecret" not in str(caught.value)
    assert "s3://bucket/a.csv" in str(caught.value)


def test_files_of_several_formats_are_not_mixed(take: Take, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.csv").write_text("x\n1\n")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "parts" / "b.parquet")
    with pytest.raises(DataError, match=r"formats: \.csv, \.parquet"):
        take("parts")


def test_files_with_other_columns_are_not_joined(take: Take, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "parts" / "b.csv").write_text("x,z\n1,2\n")
    with pytest.raises(DataError, match=r"b\.csv has no column 'y', which a\.csv has"):
        take("parts")


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_parquet_file_that_is_cut_short_is_told(take: Take, tmp_path: Path, keep: float) -> None:
    whole = ADULT.read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(DataError, match=r"a\.parquet cannot be read.*cut short"):
        take("a.parquet")


def test_a_parquet_file_with_broken_pages_is_told(take: Take, tmp_path: Path) -> None:
    whole = bytearray(ADULT.read_bytes())
    whole[1000:60_000] = bytes(59_000)
    (tmp_path / "a.parquet").write_bytes(whole)
    with pytest.raises(DataError, match=r"a\.parquet cannot be read"):
        take("a.parquet")


def test_arrow_extension_types_are_refused_before_one_is_built(take: Take, tmp_path: Path) -> None:
    class Trap(pa.ExtensionType):  # type: ignore[misc]
        built = 0

        def __init__(self) -> None:
            super().__init__(pa.int64(), "assay.trap")

        def __arrow_ext_serialize__(self) -> bytes:
            return b""

        @classmethod
        def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> Trap:
            cls.built += 1
            return cls()

    pa.register_extension_type(Trap())
    try:
        table = pa.table({"x": pa.ExtensionArray.from_storage(Trap(), pa.array([1]))})
        pq.write_table(table, tmp_path / "a.parquet")
        Trap.built = 0
        with pytest.raises(DataError, match="extension type"):
            take("a.parquet")
        assert Trap.built == 0
        with pytest.raises(DataError, match=r"Column 'x' has the type"):
            take(table=table)
    finally:
        pa.unregister_extension_type("assay.trap")


@pytest.mark.parametrize("values", [pa.array([["a"]]), pa.array([{"a": 1}]), pa.array([[[[1.0]]]])])
def test_nested_columns_that_are_no_series_are_refused_by_name(take: Take, values: pa.Array) -> None:
    with pytest.raises(DataError, match=r"Column 'x' has the type .*Allowed: numbers"):
        take(table=pa.table({"x": values}))


def test_a_frame_with_mixed_objects_is_refused(take: Take) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        take(table=pd.DataFrame({"x": [1, "a", object()]}))
    with pytest.raises(DataError, match="Duplicate column names"):
        take(table=pd.DataFrame([[1, 2]], columns=["x", "x"]))

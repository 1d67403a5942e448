"""CSV and Parquet: a file, a folder or a glob of them, on this machine or at s3:// and gs://.

Keys for s3 and gs come from where those services' own tools look for them (environment, profile, instance).
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from assay.artifacts import FoldName, Source, sha256_of
from assay.data._look import CHEAP_BYTES, Seen
from assay.data.sources import _csv, _files, _parquet
from assay.spec.words import Slip, Words, Wrong

QUOTES = '"\n\r'


class Config(Words):
    """`path` is one path, or a mapping {train: .., valid: .., test: ..} of files that are split already."""

    path: str | dict[FoldName, str]
    format: Literal["auto", "csv", "parquet"] = "auto"
    columns: tuple[str, ...] | None = Field(default=None, description="the columns to read; null: all")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="null: a comma, a tab in .tsv")
    encoding: str = Field(default="utf8", description="of CSV files")
    null_values: tuple[str, ...] = Field(default=_csv.NULLS, description="cells of CSV files that mean no value")
    column_names: tuple[str, ...] | None = Field(default=None, description="of CSV files whose first line is data")

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        folds = () if isinstance(self.path, str) else tuple(self.path)
        mark = self.delimiter or ";"
        Wrong.when(
            Slip("path", "a mapping with train and test") if folds and not {"train", "test"} <= {*folds} else None,
            Slip("columns", "at least one column, or null for all") if self.columns == () else None,
            Slip("delimiter", "a mark that parts cells, e.g. ;") if mark in QUOTES or mark.isalnum() else None,
            None if _is_encoding(self.encoding) else Slip("encoding", "an encoding that Python knows, e.g. latin-1"),
        )
        return self


def _is_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def fingerprint(config: Config, root: Path) -> Source:
    """What `config.path` means now: one file has its own sha256, many have one over their names and digests."""
    files = _found(config, root)
    digests = [file.digest() for file in files]
    parts = [part for file, digest in zip(files, digests, strict=True) for part in (file.fold, file.name, digest)]
    return Source(
        description=_description(config),
        sha256=digests[0] if len(files) == 1 and not files[0].fold else sha256_of(*parts),
        n_bytes=sum(file.n_bytes for file in files),
        files=tuple(file.name for file in files),
    )


def read(config: Config, root: Path) -> pa.Table:
    """All rows, encoded; pre-split files one after another, with the column `assay_fold`."""
    files = _found(config, root)
    if _files.format_of(files, config.format) == "parquet":
        return _parquet.read(files, config.columns)
    return _csv.read(files, config.columns, _layout(config))


def look(config: Config, root: Path, asked: tuple[str, ...]) -> Seen:
    """The columns, the first rows and, where it is cheap, all of the columns in `asked`."""
    files = _found(config, root)
    if _files.format_of(files, config.format) == "parquet":
        return _parquet.look(files, config.columns, asked)
    if sum(file.n_bytes for file in files) > CHEAP_BYTES:
        return _csv.look(files, config.columns, _layout(config))
    table = _csv.read(files, config.columns, _layout(config))
    return Seen(schema=table.schema, head=table, whole=table)


def _layout(config: Config) -> _csv.Layout:
    return _csv.Layout(
        delimiter=config.delimiter,
        encoding=config.encoding,
        null_values=config.null_values,
        column_names=config.column_names,
    )


def _found(config: Config, root: Path) -> list[_files.File]:
    if isinstance(config.path, str):
        return _files.find(config.path, root)
    order: tuple[FoldName, ...] = ("train", "valid", "test", "audit")
    return [file for fold in order if fold in config.path for file in _files.find(config.path[fold], root, fold)]


def _description(config: Config) -> str:
    if isinstance(config.path, str):
        return _files.shown(config.path)
    return ", ".join(f"{fold}: {_files.shown(path)}" for fold, path in config.path.items())

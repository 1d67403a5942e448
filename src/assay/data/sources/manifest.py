"""A CSV or Parquet table in which one column holds paths: the bytes of those files become the column `image`.

Paths start from `root`, or from the folder of the table, and may not lead out of it: a table from elsewhere should not
read the files of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import fs
from pydantic import Field

from assay.artifacts import Source
from assay.data import _columns
from assay.data.sources import _files, file
from assay.errors import DataError, did_you_mean, examples
from assay.spec.words import Words

IMAGE = "image"
_BATCH_FILES = 512


class Config(Words):
    """`path` is the table, `files` its column of paths."""

    path: str
    files: str = "file"
    root: str | None = Field(default=None, description="where the paths start; null: the folder of the table")


def fingerprint(config: Config, root: Path) -> Source:
    """One digest over the table and the bytes of the files that it names."""
    table = _files.find(config.path, root)
    found = _named(config, root, _rows(config, root))
    distinct = list({one.name: one for one in found}.values())
    return _files.source_of(f"{len(found):,} images named by {_files.shown(config.path)}", [*table, *distinct])


def read(config: Config, root: Path) -> pa.Table:
    """The rows of the table, with the bytes of each one's file."""
    rows = _rows(config, root)
    if IMAGE in rows.column_names:
        raise DataError(f"{_files.shown(config.path)} has a column {IMAGE!r} already. Allowed: another name for it.")
    return _columns.encode(_batches(rows, _named(config, root, rows)))


def _rows(config: Config, root: Path) -> pa.Table:
    return file.read(file.Config(path=config.path), root)


def _batches(rows: pa.Table, files: Sequence[_files.File]) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(files), _BATCH_FILES):
        part = files[start : start + _BATCH_FILES]
        images = pa.array([_files.read_bytes(one) for one in part], pa.large_binary())
        batch = rows.slice(start, len(part)).combine_chunks().to_batches()[0]
        yield batch.append_column(IMAGE, images)


def _named(config: Config, root: Path, rows: pa.Table) -> list[_files.File]:
    """The file of each row. Raises DataError with all that are missing or lie elsewhere."""
    where, names = _files.shown(config.path), rows.column_names
    if config.files not in names:
        hint = did_you_mean(config.files, names)
        raise DataError(f"{where} has no column {config.files!r}. Allowed: {', '.join(names)}. {hint}".rstrip())
    paths = rows.column(config.files).to_pylist()
    bad = [str(path) for path in paths if not path or ".." in PurePosixPath(path).parts or path.startswith("/")]
    if bad:
        raise DataError(
            f"{where}: {len(bad):,} paths are missing or lead elsewhere: {examples(bad)}. Allowed: paths below "
            "`root`, which is the folder of the table where it is not given."
        )
    folder = config.root if config.root is not None else str(PurePosixPath(config.path).parent)
    system, full = _files.located(folder, root)
    infos = system.get_file_info([f"{full}/{path}" for path in paths])
    missing = [path for path, info in zip(paths, infos, strict=True) if info.type != fs.FileType.File]
    if missing:
        raise DataError(f"{where} names {len(missing):,} files that are not in {folder}: {examples(missing)}.")
    return [
        _files.File(system=system, path=info.path, name=path, n_bytes=info.size)
        for path, info in zip(paths, infos, strict=True)
    ]

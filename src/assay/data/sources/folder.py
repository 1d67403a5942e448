"""A folder of images, one folder per class in it: `cats/1.png` is of class `cats`.

The columns are `image` (the file's bytes), `label` (the name of the folder that it lies in) and `file` (its path).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa

from assay.artifacts import FoldName, Source
from assay.data import _columns
from assay.data.sources import _files
from assay.data.sources._rows import with_fold
from assay.errors import DataError, examples
from assay.spec.words import Words

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAX_FILES = 1_000_000
_BATCH_FILES = 512


class Config(Words):
    """`path` is the folder above those of the classes, or {train: .., valid: .., test: ..} of such folders."""

    path: str | dict[FoldName, str]


def fingerprint(config: Config, root: Path) -> Source:
    """One digest over the names and the bytes of all files."""
    files = _found(config, root)
    return _files.source_of(f"{len(files):,} images in {_description(config)}", files)


def read(config: Config, root: Path) -> pa.Table:
    """One row per file, sorted by its path; folders that are split already one after another."""
    files = _found(config, root)
    loose = [file.name for file in files if len(PurePosixPath(file.name).parts) < 2]
    if loose:
        raise DataError(
            f"{_description(config)}: {len(loose):,} images lie in no folder of a class: {examples(loose)}. "
            "Allowed: CLASS/FILE. For other layouts write their paths and labels into a CSV: `source: manifest`."
        )
    return _columns.encode(_batches(files))


def _batches(files: Sequence[_files.File]) -> Iterator[pa.RecordBatch]:
    folds = list(dict.fromkeys(file.fold for file in files))
    for fold in folds:
        own = [file for file in files if file.fold == fold]
        for start in range(0, len(own), _BATCH_FILES):
            part = own[start : start + _BATCH_FILES]
            columns = {
                "image": pa.array([_files.read_bytes(file) for file in part], pa.large_binary()),
                "label": pa.array([PurePosixPath(file.name).parent.name for file in part]),
                "file": pa.array([file.name for file in part]),
            }
            yield with_fold(pa.RecordBatch.from_pydict(columns), fold)


def _found(config: Config, root: Path) -> list[_files.File]:
    paths = {"": config.path} if isinstance(config.path, str) else config.path
    return [file for fold, path in paths.items() for file in _files.find(path, root, fold, SUFFIXES, MAX_FILES)]


def _description(config: Config) -> str:
    if isinstance(config.path, str):
        return _files.shown(config.path)
    return ", ".join(f"{fold}: {_files.shown(path)}" for fold, path in config.path.items())

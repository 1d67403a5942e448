"""Which files a path means: a file, a folder, a glob, on this machine or at s3:// and gs://."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from assay.artifacts import Source, sha256_of
from assay.errors import DataError, did_you_mean, examples

Format = Literal["csv", "parquet"]
SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".csv.gz": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
MAX_FILES = 10_000
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class File:
    """One file: where it lies, its name relative to what was asked for, and the fold that it was given for."""

    system: fs.FileSystem
    path: str
    name: str
    n_bytes: int
    fold: str = ""

    def digest(self) -> str:
        """The sha256 of the bytes, read in pieces."""
        sha256 = hashlib.sha256()
        with self.system.open_input_stream(self.path, compression=None) as stream:
            while piece := stream.read(_PIECE_BYTES):
                sha256.update(piece)
        return sha256.hexdigest()


def find(
    path: str, root: Path, fold: str = "", suffixes: Collection[str] = tuple(SUFFIXES), most: int = MAX_FILES
) -> list[File]:
    """The files that `path` means, sorted by name; never none. Raises DataError when there is nothing.

    Of a folder they are those that end in one of `suffixes`.
    """
    system, full = located(path, root)
    try:
        files = _listed(system, full, fold, suffixes)
    except (OSError, pa.ArrowException) as problem:
        raise unreadable(shown(path), problem) from problem
    if not files:
        raise _nothing(system, path, full, suffixes)
    if len(files) > most:
        raise DataError(f"{shown(path)} means {len(files):,} files. Allowed: at most {most:,}.")
    for file in files:
        if file.n_bytes == 0:
            raise DataError(f"{file.name} is empty (0 bytes). Allowed: a file with something in it.")
    return files


def format_of(files: Sequence[File], asked: str) -> Format:
    """`csv` or `parquet`: what was asked for, or what the names of the files say."""
    if asked in get_args(Format):
        return asked  # type: ignore[return-value]  # get_args has just said so
    formats = {_format(file.path) for file in files}
    if len(formats) == 1 and None not in formats:
        return formats.pop()  # type: ignore[return-value]  # the only one, and not None
    found = ", ".join(sorted({PurePosixPath(file.path).suffix or file.name for file in files}))
    raise DataError(
        f"Files of unknown or of several formats: {found}. Allowed: {', '.join(SUFFIXES)}, one format at a time. "
        "Write `format: csv` or `format: parquet` when the names say nothing."
    )


def shown(path: str) -> str:
    """`path` for people: keys and options of a URI, which may be secret, are left out."""
    if "://" not in path:
        return path
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def unreadable(name: str, problem: Exception) -> DataError:
    """The error for a file or folder that cannot be read at all; the system's words are kept short."""
    return DataError(f"{name} cannot be read: {str(problem).splitlines()[0][:200]}")


def located(path: str, root: Path) -> tuple[fs.FileSystem, str]:
    """The file system that `path` is on, and the path in it."""
    if "://" not in path:
        return fs.LocalFileSystem(), (root.absolute() / Path(path).expanduser()).as_posix()
    parts = urlsplit(path)
    if parts.scheme not in ("s3", "gs"):
        raise DataError(f"{shown(path)}: unknown scheme {parts.scheme!r}. Allowed: s3://, gs://, or a plain path.")
    options = f"?{parts.query}" if parts.query else ""
    try:
        system, bucket = fs.FileSystem.from_uri(f"{parts.scheme}://{parts.netloc}{options}")
    except (OSError, pa.ArrowException) as problem:  # its words may repeat the URI, keys and all
        raise DataError(f"{shown(path)} cannot be opened. Allowed: {parts.scheme}://BUCKET/PATH.") from problem
    return system, f"{bucket}{parts.path}"


def _listed(system: fs.FileSystem, full: str, fold: str, suffixes: Collection[str]) -> list[File]:
    folder = _before_glob(full)
    info = system.get_file_info(folder)
    if folder == full and info.type == fs.FileType.File:
        return [_file(info, PurePosixPath(full).name, system, fold)]
    if info.type != fs.FileType.Directory:
        return []
    files = []
    for entry in system.get_file_info(fs.FileSelector(folder, recursive=True)):
        name = entry.path.removeprefix(folder).lstrip("/")
        wanted = entry.path.lower().endswith(tuple(suffixes)) if folder == full else fnmatch.fnmatch(entry.path, full)
        if entry.type == fs.FileType.File and wanted and not _hidden(name):
            files.append(_file(entry, name, system, fold))
    return sorted(files, key=lambda file: file.name)


def _file(info: fs.FileInfo, name: str, system: fs.FileSystem, fold: str) -> File:
    return File(system=system, path=info.path, name=name, n_bytes=info.size, fold=fold)


def _before_glob(path: str) -> str:
    """The folder before the first part with a wildcard; the whole path when it has none."""
    parts = path.split("/")
    plain = list(itertools.takewhile(lambda part: not set(part) & set("*?["), parts))
    return "/".join(plain)


def _hidden(name: str) -> bool:
    """True for what writers of folders leave beside the data: `_SUCCESS`, `.part.crc`."""
    return any(part.startswith(("_", ".")) for part in PurePosixPath(name).parts)


def _format(path: str) -> Format | None:
    return next((kind for suffix, kind in SUFFIXES.items() if path.lower().endswith(suffix)), None)


def _nothing(system: fs.FileSystem, path: str, full: str, suffixes: Collection[str]) -> DataError:
    """The error for a path that means no file, with the nearest name beside it."""
    if system.get_file_info(full).type == fs.FileType.Directory:
        return DataError(
            f"{shown(path)}: no file in the folder {full} is of a known kind. Allowed: {', '.join(suffixes)}."
        )
    folder = str(PurePosixPath(_before_glob(full)).parent) if _before_glob(full) == full else _before_glob(full)
    there = system.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    names = sorted(PurePosixPath(entry.path).name for entry in there)
    hint = did_you_mean(PurePosixPath(full).name, names)
    beside = f" In {folder}: {examples(names)}." if names and not hint else ""
    return DataError(
        f"{shown(path)}: there is no such file or folder with data (looked at {full}).{beside} "
        f"Allowed: a file, a folder or a glob of {', '.join(suffixes)}. {hint}".rstrip()
    )


def read_bytes(file: File) -> bytes:
    """The whole file. Raises DataError when it cannot be read."""
    try:
        with file.system.open_input_stream(file.path, compression=None) as stream:
            data: bytes = stream.read()
    except OSError as problem:
        raise unreadable(file.name, problem) from problem
    return data


def source_of(description: str, files: Sequence[File]) -> Source:
    """The source that `files` are: its digest is one over their names, folds and bytes."""
    parts = [part for file in files for part in (file.fold, file.name, file.digest())]
    n_bytes = sum(file.n_bytes for file in files)
    return Source(description=description, sha256=sha256_of(*parts), n_bytes=n_bytes)

"""Named files, on this machine's disk or in a bucket. Each is there whole or not at all, and none is ever changed half.

A bucket has no rename and no append. It needs no rename, since an object appears when its upload is complete; what is
appended is an object a piece, in the order of their times. Names are paths with `/`, relative to where the files are.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from assay.errors import StoreError
from assay.store._durable import write_durably

SCHEMES = ("s3", "gs")
PIECE_BYTES = 8 << 20


class Files(Protocol):
    """What can be done with files, wherever they are."""

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises FileNotFoundError."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in the place of one of that name."""
        ...

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of what `tail(name)` gives. One process does, at a time."""
        ...

    def tail(self, name: str) -> Callable[[], bytes]:
        """What has been appended to `name` since the last call, or since the beginning."""
        ...

    def names(self) -> list[str]:
        """The names of all files, sorted."""
        ...

    def remove(self, name: str = "") -> None:
        """Remove a file, or all files of a folder, or all. What is not there is gone already."""
        ...


@dataclass(frozen=True, slots=True)
class Disk:
    """The files below a folder of this machine."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes:
        """See `Files`."""
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """See `Files`."""
        write_durably(self.root / name, data)

    def append(self, name: str, data: bytes) -> None:
        """See `Files`."""
        with open(self.root / name, "ab") as file:
            file.write(data)

    def tail(self, name: str) -> Callable[[], bytes]:
        """See `Files`."""
        offset = 0

        def more() -> bytes:
            nonlocal offset
            try:
                with open(self.root / name, "rb") as file:
                    file.seek(offset)
                    found = file.read()
            except FileNotFoundError:
                return b""
            offset += len(found)
            return found

        return more

    def names(self) -> list[str]:
        """See `Files`."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        return sorted(found)

    def remove(self, name: str = "") -> None:
        """See `Files`."""
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The objects below `s3://BUCKET/PREFIX` or `gs://..`; a query after it holds options of the service.

    Keys come from where the service's own tools look for them (environment, profile, instance), never from here.
    """

    uri: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.uri)
        if parts.scheme not in SCHEMES or not parts.netloc or "@" in parts.netloc:
            found = f"{parts.scheme}://.." if "://" in self.uri else repr(self.uri)
            raise StoreError(
                f"The store cannot be at {found}. Allowed: s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, without keys: "
                "these come from the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile)."
            )

    def __str__(self) -> str:
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    def below(self, *names: str) -> Bucket:
        """The files of a folder of this one."""
        where, mark, options = self.uri.partition("?")
        return Bucket("/".join((where.rstrip("/"), *names)) + mark + options)

    @property
    def located(self) -> tuple[Any, str]:
        """The pyarrow file system, and the path in it."""
        return _opened(self.uri)

    def read(self, name: str) -> bytes:
        """See `Files`."""
        with self._told() as (system, root), system.open_input_file(f"{root}/{name}") as stream:
            data: bytes = stream.read()
        return data

    def write(self, name: str, data: bytes) -> None:
        """See `Files`."""
        with self._told() as (system, root), system.open_output_stream(f"{root}/{name}") as stream:
            stream.write(data)

    def append(self, name: str, data: bytes) -> None:
        """See `Files`."""
        self.write(f"{name}/{time.time_ns():020d}", data)

    def tail(self, name: str) -> Callable[[], bytes]:
        """See `Files`."""
        seen: set[str] = set()
        pieces = self.below(name)

        def more() -> bytes:
            new = [piece for piece in pieces.names() if piece not in seen]
            seen.update(new)
            return b"".join(map(pieces.read, new))

        return more

    def names(self) -> list[str]:
        """See `Files`."""
        from pyarrow import fs

        with self._told() as (system, root):
            found = system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
        return sorted(info.path.removeprefix(f"{root}/") for info in found if info.type == fs.FileType.File)

    def remove(self, name: str = "") -> None:
        """See `Files`."""
        from pyarrow import fs

        with self._told() as (system, root):
            path = f"{root}/{name}".rstrip("/")
            kind = system.get_file_info(path).type
            if kind == fs.FileType.File:
                system.delete_file(path)
            elif kind == fs.FileType.Directory:
                system.delete_dir(path)

    def size(self, name: str) -> int | None:
        """The bytes of a file, or None where there is none."""
        from pyarrow import fs

        with self._told() as (system, root):
            info = system.get_file_info(f"{root}/{name}")
        return int(info.size) if info.type == fs.FileType.File else None

    def upload(self, path: Path, name: str) -> None:
        """Write the file at `path`. It is there when all of it is."""
        with (
            self._told() as (system, root),
            open(path, "rb") as source,
            system.open_output_stream(f"{root}/{name}") as stream,
        ):
            shutil.copyfileobj(source, stream, PIECE_BYTES)

    def download(self, name: str, path: Path) -> None:
        """Write a file to `path`. Raises FileNotFoundError."""
        with (
            self._told() as (system, root),
            system.open_input_stream(f"{root}/{name}", compression=None) as stream,
            open(path, "wb") as file,
        ):
            shutil.copyfileobj(stream, file, PIECE_BYTES)

    @contextmanager
    def _told(self) -> Iterator[tuple[Any, str]]:
        """What the service refuses is a StoreError; what is missing stays a FileNotFoundError."""
        try:
            yield self.located
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{self} cannot be used: {str(error).splitlines()[0][:300]}") from error


@cache
def _opened(uri: str) -> tuple[Any, str]:
    from pyarrow import fs

    parts = urlsplit(uri)
    options = f"?{parts.query}" if parts.query else ""
    if parts.scheme == "s3":
        options += ("&" if options else "?") + "allow_delayed_open=true"  # a small object is one request, not three
    try:
        system, bucket = fs.FileSystem.from_uri(f"{parts.scheme}://{parts.netloc}{options}")
    except (OSError, ValueError) as error:
        raise StoreError(f"{parts.scheme}://{parts.netloc} cannot be opened: {error}") from error
    return system, (bucket + parts.path).rstrip("/")

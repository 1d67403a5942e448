"""Bytes by digest.

An object is written once, under the sha256 of its bytes: to a temporary name, flushed to disk, then renamed, so that a
reader sees the whole object or none. Equal bytes are stored once. Nothing here knows what the bytes mean, except that
tables are Arrow IPC or Parquet and arrays are npy, which every stage wants to open the same way.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifacts import Blob, Fold
from assay.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass
class Draft:
    """A file that is being written: write to `path`; `blob` is there once the `with` block has ended."""

    path: Path
    name: str
    _blob: Blob | None = field(default=None, repr=False)

    @property
    def blob(self) -> Blob:
        """The stored object."""
        assert self._blob is not None, "the draft is not finished"
        return self._blob


class Store:
    """A folder of objects. Safe for many processes at once; needs no lock."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._verified: set[tuple[str, int, int]] = set()

    def put(self, data: bytes, name: str) -> Blob:
        """Store `data`; `name` is a file name for people and its suffix is kept."""
        with self.create(name) as draft:
            draft.path.write_bytes(data)
        return draft.blob

    def put_file(self, path: Path, name: str | None = None) -> Blob:
        """Store a copy of the file at `path`."""
        with self.create(name or path.name) as draft:
            shutil.copyfile(path, draft.path)
        return draft.blob

    @contextmanager
    def create(self, name: str) -> Iterator[Draft]:
        """A draft to be written by whoever needs a path; stored when the block ends, gone when it raises."""
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=Path(name).suffix)
        os.close(handle)
        draft = Draft(Path(temporary), name)
        try:
            yield draft
            draft._blob = self._adopt(draft)
        finally:
            draft.path.unlink(missing_ok=True)

    def path(self, blob: Blob) -> Path:
        """Where the bytes lie. Raises StoreError when they are gone or cut short."""
        path = self.root / blob.uri
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise StoreError(f"{blob.name}: its bytes are gone from the store ({path}).") from None
        if size != blob.n_bytes:
            raise StoreError(f"{blob.name}: {path} has {size} bytes; {blob.n_bytes} were written.")
        return path

    def read(self, blob: Blob) -> bytes:
        """The bytes, checked against their digest."""
        data = self.path(blob).read_bytes()
        if hashlib.sha256(data).hexdigest() != blob.sha256:
            raise StoreError(f"{blob.name}: the bytes at {self.root / blob.uri} differ from their digest.")
        return data

    def holds(self, blob: Blob) -> bool:
        """True when the bytes are there and match their digest. Read once per change of the file."""
        try:
            path = self.path(blob)
        except StoreError:
            return False
        seen = (blob.sha256, path.stat().st_mtime_ns, blob.n_bytes)
        if seen not in self._verified and digest_of(path) == blob.sha256:
            self._verified.add(seen)
        return seen in self._verified

    def table(self, blob: Blob, columns: Sequence[str] | None = None) -> pa.Table:
        """The table in `blob`, memory-mapped (Arrow IPC) or read (Parquet); all columns or those named."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path(blob)
        if path.suffix == ".parquet":
            return pq.read_table(path, columns=list(columns) if columns is not None else None, memory_map=True)
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        return table.select(list(columns)) if columns is not None else table

    def put_table(self, table: pa.Table, name: str) -> Blob:
        """Store `table` as Arrow IPC (`name` ends in .arrow, memory-mappable) or Parquet (.parquet)."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self.create(name) as draft:
            if name.endswith(".parquet"):
                pq.write_table(table, draft.path, compression="zstd")
            else:
                with pa.OSFile(str(draft.path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                    writer.write_table(table)
        return draft.blob

    def array(self, blob: Blob) -> np.ndarray[Any, Any]:
        """The npy array in `blob`, memory-mapped and read-only. Pickled objects are refused."""
        import numpy as np

        mapped: np.ndarray[Any, Any] = np.load(self.path(blob), mmap_mode="r", allow_pickle=False)
        return mapped

    def put_array(self, array: np.ndarray[Any, Any], name: str) -> Blob:
        """Store `array` as npy."""
        import numpy as np

        with self.create(name) as draft, open(draft.path, "wb") as file:
            np.save(file, array, allow_pickle=False)
        return draft.blob

    def rows(self, fold: Fold, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a fold, in the order of their ids; all columns or those named."""
        import pyarrow as pa

        table = self.table(fold.table, columns)
        return table.take(pa.array(self.array(fold.rows)))

    def _adopt(self, draft: Draft) -> Blob:
        sha256, n_bytes = digest_of(draft.path), draft.path.stat().st_size
        uri = f"objects/{sha256[:2]}/{sha256}{Path(draft.name).suffix}"
        final = self.root / uri
        blob = Blob(uri=uri, sha256=sha256, n_bytes=n_bytes, name=draft.name)
        if not self.holds(blob):
            final.parent.mkdir(parents=True, exist_ok=True)
            replace_durably(draft.path, final)
        return blob


def digest_of(path: Path) -> str:
    """The sha256 of a file's bytes, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_durably(temporary: Path, final: Path) -> None:
    """Give `temporary` its final name so that it survives a crash: file flushed, renamed, folder flushed."""
    _flush(temporary, os.O_RDONLY)
    os.replace(temporary, final)
    _flush(final.parent, os.O_RDONLY | os.O_DIRECTORY)


def _flush(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Write a small file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    replace_durably(temporary, path)

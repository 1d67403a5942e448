"""Bytes by digest.

An object is written once, under the sha256 of its bytes: to a temporary name, flushed to disk, then renamed, so that a
reader sees the whole object or none. Equal bytes are stored once. Nothing here knows what the bytes mean, except that
tables are Arrow IPC or Parquet and arrays are npy, which every stage wants to open the same way.

Where several machines work on one run the objects lie in a bucket as well (`ASSAY_STORE`), and the folder is what this
machine has of them: written here first, so that everything is memory-mapped as ever, then sent; fetched when it is
asked for and checked against its digest before it gets its name. The commit of a stage, which is written last, is what
makes its objects count: one that was sent for nothing is in nobody's way.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifacts import Blob, Fold
from assay.errors import StoreError
from assay.store._durable import digest_of, replace_durably, write_durably
from assay.store._files import Bucket, Disk, Files

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Bucket", "Disk", "Draft", "Files", "Store", "digest_of", "replace_durably", "write_durably"]


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
    """A folder of objects, and the bucket that it shares them through. Safe for many processes; needs no lock."""

    def __init__(self, root: Path, shared: Bucket | None = None) -> None:
        self.root = Path(root)
        self.shared = shared
        self._verified: set[tuple[str, int, int]] = set()
        self._sent: set[str] = set()

    def files(self, folder: Path) -> Files:
        """The files of `folder`, which lies beside the store: where every machine of a run sees them."""
        if self.shared is None:
            return Disk(folder)
        return self.shared.below(Path(os.path.relpath(folder, self.root.parent)).as_posix())

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
        with self._temporary(name) as path:
            draft = Draft(path, name)
            yield draft
            draft._blob = self._adopt(draft)

    def path(self, blob: Blob) -> Path:
        """Where the bytes lie. Raises StoreError when they are gone or cut short."""
        path = self.root / blob.uri
        if self.shared is not None and not path.exists():
            self._fetch(blob)
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
        """True when the bytes are there, for all who share them, and match their digest. Read once per change."""
        if self.shared is None:
            return self._whole(blob)
        if not self._whole(blob):
            (self.root / blob.uri).unlink(missing_ok=True)  # the bucket may have it whole
            with suppress(StoreError):
                self._fetch(blob)
        return self._whole(blob) and self._send(blob)

    def _whole(self, blob: Blob) -> bool:
        """True when this machine has the bytes, unchanged."""
        path = self.root / blob.uri
        try:
            stat = path.stat()
        except FileNotFoundError:
            return False
        seen = (blob.sha256, stat.st_mtime_ns, stat.st_size)
        if seen not in self._verified and stat.st_size == blob.n_bytes and digest_of(path) == blob.sha256:
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
        blob = Blob(uri=uri, sha256=sha256, n_bytes=n_bytes, name=draft.name)
        if not self._whole(blob):
            self._place(draft.path, blob)
        if self.shared is not None:
            self._send(blob)
        return blob

    def _place(self, temporary: Path, blob: Blob) -> None:
        final = self.root / blob.uri
        final.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(temporary, final)

    def _send(self, blob: Blob) -> bool:
        """Upload what the bucket does not have. True, or StoreError."""
        assert self.shared is not None
        if blob.uri not in self._sent and self.shared.size(blob.uri) != blob.n_bytes:
            self.shared.upload(self.root / blob.uri, blob.uri)
        self._sent.add(blob.uri)
        return True

    def _fetch(self, blob: Blob) -> None:
        """Download what the bucket has. Raises StoreError where it has nothing, or other bytes."""
        assert self.shared is not None
        where = self.shared.below(blob.uri)
        with self._temporary(blob.name) as path:
            try:
                self.shared.download(blob.uri, path)
            except FileNotFoundError:
                raise StoreError(f"{blob.name}: its bytes are gone from the store ({where}).") from None
            if digest_of(path) != blob.sha256:
                raise StoreError(f"{blob.name}: the bytes at {where} differ from their digest.")
            self._place(path, blob)

    @contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=Path(name).suffix)
        os.close(handle)
        path = Path(temporary)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

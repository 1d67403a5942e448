"""Checkpoints that are whole or not there.

A checkpoint is a folder `EPOCH-UPDATE` with `tensors.safetensors`, `progress.json` and, written last, `manifest.json`
with the sha256 of the other two. Each file is there whole or not at all, on a disk and in a bucket, which knows no
rename. The newest checkpoint whose digests agree is the one that counts, so a half-written or damaged one costs the
epochs since the one before it, and nothing else. Each holds the best weights so far as well, so the last two are all
that is kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from assay.artifacts import from_json, to_json
from assay.errors import StoreError, TrainingError
from assay.store import Files
from assay.training._progress import Progress

KEEP = 2
TENSORS, PROGRESS, MANIFEST = "tensors.safetensors", "progress.json", "manifest.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training as it stood once: its progress, and named tensors. `sha256` is that of the tensors' bytes."""

    progress: Progress
    tensors: dict[str, Tensor]
    sha256: str

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names start with `prefix.`, without it."""
        start = f"{prefix}."
        return {key.removeprefix(start): value for key, value in self.tensors.items() if key.startswith(start)}


def write(files: Files, progress: Progress, tensors: dict[str, Tensor]) -> str:
    """Write a checkpoint and sweep away old ones; the sha256 of its tensors. Raises TrainingError on a full disk."""
    name = f"{progress.epoch:06d}-{progress.update:09d}"
    data = {TENSORS: save(tensors), PROGRESS: to_json(progress).encode()}
    digests = {part: hashlib.sha256(whole).hexdigest() for part, whole in data.items()}
    try:
        for part, whole in {**data, MANIFEST: to_json(digests).encode()}.items():
            files.write(f"{name}/{part}", whole)
    except (OSError, StoreError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        files.remove(name)
        raise TrainingError(
            f"a checkpoint could not be written to {files}: {reason}. The one before it is intact. "
            "Make room there, then run the same command: training goes on from it."
        ) from error
    for old in _found(files)[KEEP:]:
        _remove(files, old)
    return digests[TENSORS]


def newest(files: Files) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None."""
    return next((checkpoint for name in _found(files) if (checkpoint := _read(files, name)) is not None), None)


def sweep(files: Files) -> None:
    """Remove what a killed writer left behind."""
    whole = set(_found(files))
    for name in {path.partition("/")[0] for path in files.names()} - whole:
        files.remove(name)


def _found(files: Files) -> list[str]:
    """The names of those with a manifest, the newest first."""
    return [name.removesuffix(f"/{MANIFEST}") for name in reversed(files.names()) if name.endswith(f"/{MANIFEST}")]


def _remove(files: Files, name: str) -> None:
    files.remove(f"{name}/{MANIFEST}")  # first: what is left of it is no checkpoint
    files.remove(name)


def _read(files: Files, name: str) -> Checkpoint | None:
    try:
        digests = json.loads(files.read(f"{name}/{MANIFEST}"))
        data = {part: files.read(f"{name}/{part}") for part in (TENSORS, PROGRESS)}
        if any(hashlib.sha256(whole).hexdigest() != digests.get(part) for part, whole in data.items()):
            return None
        return Checkpoint(from_json(Progress, data[PROGRESS].decode()), load(data[TENSORS]), digests[TENSORS])
    except (OSError, ValueError, AttributeError, SafetensorError):  # cut short, or not JSON
        return None

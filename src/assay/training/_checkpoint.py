"""Checkpoints that are whole or not there.

A checkpoint is a folder `EPOCH-UPDATE` with `tensors.safetensors`, `progress.json` and `manifest.json`, which holds
the sha256 of the other two. It is written under a temporary name, flushed and renamed. The newest one whose digests
agree is the one that counts, so a half-written or damaged checkpoint costs the epochs since the one before it, and
nothing else. Each holds the best weights so far as well, so the last two are all that is kept.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from assay.artifacts import from_json, to_json
from assay.errors import TrainingError
from assay.store import replace_durably, write_durably
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


def write(folder: Path, progress: Progress, tensors: dict[str, Tensor]) -> str:
    """Write a checkpoint and sweep away old ones; the sha256 of its tensors. Raises TrainingError on a full disk."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {TENSORS: save(tensors), PROGRESS: to_json(progress).encode()}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    temporary = Path(tempfile.mkdtemp(prefix=".", dir=folder))
    final = folder / f"{progress.epoch:06d}-{progress.update:09d}"
    try:
        for name, data in {**files, MANIFEST: to_json(digests).encode()}.items():
            write_durably(temporary / name, data)
        shutil.rmtree(final, ignore_errors=True)  # only there when it was damaged and so did not count
        replace_durably(temporary, final)
    except OSError as error:
        raise TrainingError(
            f"a checkpoint could not be written to {folder}: {error.strerror}. The one before it is intact. "
            "Make room there, then run the same command: training goes on from it."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in _found(folder)[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return digests[TENSORS]


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None."""
    return next((checkpoint for path in _found(folder) if (checkpoint := _read(path)) is not None), None)


def sweep(folder: Path) -> None:
    """Remove what a killed writer left behind."""
    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def _found(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("[0-9]*-*") if path.is_dir()), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    try:
        digests = json.loads((path / MANIFEST).read_bytes())
        files = {name: (path / name).read_bytes() for name in (TENSORS, PROGRESS)}
        if any(hashlib.sha256(data).hexdigest() != digests.get(name) for name, data in files.items()):
            return None
        return Checkpoint(from_json(Progress, files[PROGRESS].decode()), load(files[TENSORS]), digests[TENSORS])
    except (OSError, ValueError, AttributeError, SafetensorError):  # cut short, or not JSON
        return None

"""What a training is told: all that reaches a worker, small enough to be sent there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.artifacts import Blob, GroupCodes, Preprocessing, TrainingArrays, sha256_of, to_json
from assay.spec.evidence import MitigateSpec
from assay.spec.training import ComputeSpec, TrainingSpec
from assay.store import Bucket, Disk, Files, Store

JOURNAL = "journal.jsonl"  # the events of rank 0
FAILURES = "failures"  # why each rank failed
STOP = "stop"  # a flag: the end, please


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training. `options` are those of the family, defaults filled in; `weights` are what it starts from.

    `token` tells two calls of it apart.
    """

    arrays: TrainingArrays
    prepared: Preprocessing
    family: str
    options: dict[str, Any]
    training: TrainingSpec
    compute: ComputeSpec
    seed: int
    store: Store
    folder: Path
    root: Path | None
    weights: Blob | None = None
    start: Path | None = None
    checkpoint_s: float = 0.0
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    mitigate: MitigateSpec | None = None
    groups: GroupCodes | None = None

    @property
    def checkpoints(self) -> Files:
        """The checkpoints, in a folder that no job with other numbers shares."""
        training = self.training.model_dump_json(exclude={"checkpoint_every"})
        parts = [to_json(self.arrays), to_json(self.prepared), self.family, to_json(self.options), training]
        if self.mitigate is not None:
            parts += [to_json((self.mitigate.method, self.mitigate.options)), to_json(self.groups)]
        return self.files_of(self.folder / "checkpoints" / sha256_of(*parts, str(self.seed))[:16])

    @property
    def said(self) -> Files:
        """What this process and the workers tell each other: `JOURNAL`, `FAILURES`, `STOP`."""
        files = self.files_of(self.folder)
        return files.below("said", self.token) if isinstance(files, Bucket) else files

    @property
    def stop(self) -> Path:
        """The flag file that asks for the end, on the machine of the process that was called."""
        return self.folder / STOP

    def files_of(self, folder: Path) -> Files:
        """The files of a folder where all who train see them: workers may sit on other machines."""
        return Disk(folder) if self.compute.workers == 0 else self.store.files(folder)

"""What a training is told: all that reaches a worker, small enough to be sent there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.artifacts import Preprocessing, TrainingArrays, sha256_of, to_json
from assay.spec.training import ComputeSpec, TrainingSpec
from assay.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training. `options` are those of the family, defaults filled in."""

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
    start: Path | None = None
    checkpoint_s: float = 0.0

    @property
    def checkpoints(self) -> Path:
        """Where this job's checkpoints lie: a folder that no job with other numbers shares."""
        training = self.training.model_dump_json(exclude={"checkpoint_every"})
        parts = (to_json(self.arrays), to_json(self.prepared), self.family, to_json(self.options), training)
        return self.folder / "checkpoints" / sha256_of(*parts, str(self.seed))[:16]

    @property
    def stop(self) -> Path:
        """The flag file that asks for the end."""
        return self.folder / "stop"

    @property
    def journal(self) -> Path:
        """Where rank 0 writes its events when it lives in another process."""
        return self.folder / "journal.jsonl"

    @property
    def failures(self) -> Path:
        """Where each rank writes why it failed."""
        return self.folder / "failures"

"""The two files of a spool: the log, read as it grows, and the cursor, which says how much MLflow has accepted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.store import write_durably


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The MLflow run that a log is written to, and the number of the first event that it has not accepted."""

    mlflow_run_id: str = ""
    seq: int = 0

    @classmethod
    def read(cls, folder: Path) -> Cursor:
        """The cursor of the run in `folder`; a new one before anything was sent."""
        path = folder / "relay.json"
        return cls(**json.loads(path.read_bytes())) if path.is_file() else cls()

    def write(self, folder: Path) -> None:
        """Keep it. Called after MLflow has accepted everything before `seq`."""
        write_durably(folder / "relay.json", json.dumps(asdict(self)).encode())


class Tail:
    """The lines of a log that have been added since the last look. A line that is still being written waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """The new events, in order."""
        if not self._path.is_file():
            return []
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

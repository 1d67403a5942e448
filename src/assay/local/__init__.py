"""The two servers of a workplace, and the doctor.

`up` starts a Prefect API and an MLflow server as detached processes of this machine, one pair per home folder, on the
loopback interface alone. Why processes of their own: a run then pays nothing for their start (a temporary Prefect
server costs five seconds a run), and what they show outlives the run. Why a state file: `servers.json` is the one
place where everybody, other packages too, finds their addresses. A process is known by its id *and* its start time, so
that an id that the system gave to somebody else is never mistaken for a server of ours, let alone stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ServerName = Literal["prefect", "mlflow"]
Health = Literal["healthy", "silent", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that was started: its address, and its process by id and start time (seconds since the epoch)."""

    name: ServerName
    url: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """What a server does right now. `memory_bytes` adds up its processes; `disk_bytes` is its folder."""

    server: Server
    health: Health
    version: str
    memory_bytes: int
    disk_bytes: int
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Both servers and the home folder that they belong to. `servers` is empty before the first `up`."""

    home: str
    servers: tuple[ServerStatus, ...]
    disk_bytes: int
    disk_free_bytes: int

    @property
    def healthy(self) -> bool:
        """True when both servers answer."""
        return len(self.servers) == 2 and all(each.health == "healthy" for each in self.servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that the doctor looked at. `advice` says what to do where the verdict is not `ok`."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def up(home: Path, *, timeout_s: float = 90.0) -> tuple[Server, ...]:
    """Start what is not running, wait until both answer, and return them. Does nothing where both run.

    Raises ServersError with the end of the log when a server dies or stays silent for `timeout_s`.
    """
    from assay.local import _servers

    return _servers.up(home, timeout_s)


def down(home: Path) -> tuple[Server, ...]:
    """Stop the servers of `home` and their children, and return those that were running. Stops nothing else."""
    from assay.local import _servers

    return _servers.down(home)


def status(home: Path) -> Status:
    """Addresses, health, versions, memory and disk of the servers of `home`."""
    from assay.local import _status

    return _status.status(home)


def find_api(home: Path) -> str | None:
    """The Prefect API that a run should use: the one in `PREFECT_API_URL`, else that of `up`. None: neither answers."""
    from assay.local import _status

    return _status.find_api(home)


def doctor(home: Path) -> tuple[Check, ...]:
    """Look at everything a run depends on, by doing it: imports, versions, ports, disk, and a small run."""
    from assay.local import _doctor

    return _doctor.doctor(home)

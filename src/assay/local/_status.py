"""What the servers do right now."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

from assay.local import Health, Server, ServerStatus, Status, _http, _processes, _servers

VERSION = {"prefect": "/api/admin/version", "mlflow": "/version"}


def status(home: Path) -> Status:
    """Addresses, health, versions, memory and disk of the servers of `home`."""
    home = home.resolve()
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    return Status(
        home=str(home),
        servers=tuple(_of(server, home) for server in _servers.read(home)),
        disk_bytes=_size(home),
        disk_free_bytes=shutil.disk_usage(nearest).free,
    )


def find_api(home: Path) -> str | None:
    """The Prefect API that answers: the configured one, else that of `up`."""
    configured = os.environ.get("PREFECT_API_URL")
    if configured:
        return configured if _http.get(configured.rstrip("/") + "/health") is not None else None
    for server in _servers.read(home.resolve()):
        if server.name == "prefect" and _health(server) == "healthy":
            return f"{server.url}/api"
    return None


def _of(server: Server, home: Path) -> ServerStatus:
    health = _health(server)
    version = _http.get(server.url + VERSION[server.name]) if health == "healthy" else None
    return ServerStatus(
        server=server,
        health=health,
        version=(version or "").strip('"\n'),
        memory_bytes=sum(_memory(each) for each in _processes.members(server.pid, server.started, home)),
        disk_bytes=_size(home / server.name),
        log=str(_servers.log_of(server.name, home)),
    )


def _health(server: Server) -> Health:
    if _processes.alive(server.pid, server.started) is None:
        return "gone"
    return "healthy" if _servers.answers(server) else "silent"


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _size(folder: Path) -> int:
    """The bytes of all files below `folder`, as far as they are still there."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total

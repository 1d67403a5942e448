"""Start and stop the two servers of a home folder."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil

from assay.errors import ServersError
from assay.ledger import Ledger
from assay.local import Server, ServerName, _commands, _http, _processes
from assay.store import write_durably

PORTS: Mapping[ServerName, int] = {"prefect": 4200, "mlflow": 5000}
HEALTH: Mapping[ServerName, str] = {"prefect": "/api/health", "mlflow": "/health"}
LOCK_WAIT_S = 300.0
EXTRAS: Mapping[ServerName, str] = {"prefect": "flows", "mlflow": "train"}


def up(home: Path, timeout_s: float) -> tuple[Server, ...]:
    """Start what is not running, both at once, and wait until both answer."""
    _check_installed()
    home = home.resolve()
    with _locked(home), _alone(home):
        running = {server.name: server for server in read(home) if _usable(server, home)}
        starting = {name: _start(name, home) for name in PORTS if name not in running}
        servers = tuple({**running, **starting}[name] for name in PORTS)
        _write(home, servers)  # at once, so that `down` finds even those that never come to answer
        try:
            _wait(tuple(starting.values()), home, time.monotonic() + timeout_s)
        except BaseException:
            _stop(tuple(starting.values()), home)
            _write(home, tuple(running.values()))
            raise
    return servers


def down(home: Path) -> tuple[Server, ...]:
    """Stop those servers that `home` knows of, and nothing else."""
    home = home.resolve()
    if not read(home):
        return ()
    with _locked(home):
        stopped = _stop(read(home), home)
        _write(home, ())
    return stopped


def read(home: Path) -> tuple[Server, ...]:
    """The servers that the state file of `home` names; whether they still run is another question."""
    try:
        entries = json.loads((home / "servers.json").read_text())
    except FileNotFoundError:
        return ()
    return tuple(Server(name=name, **entry) for name, entry in entries.items())


def log_of(name: ServerName, home: Path) -> Path:
    """Where a server writes what it says."""
    return home / "logs" / f"{name}.log"


def answers(server: Server) -> bool:
    """True when the server says that it is well."""
    return _http.get(server.url + HEALTH[server.name]) is not None


def _start(name: ServerName, home: Path) -> Server:
    port = _http.free_port(PORTS[name])
    (home / name).mkdir(parents=True, exist_ok=True)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
    environment = inherited | _commands.settings(name, home, port)
    process = _processes.start(_commands.command(name, home, port), environment, folder=home, log=log_of(name, home))
    return Server(name=name, url=f"http://{_commands.HOST}:{port}", pid=process.pid, started=process.create_time())


def _check_installed() -> None:
    for name, extra in EXTRAS.items():
        if importlib.util.find_spec(name) is None:
            raise ServersError(f"{name} is not installed. Write: pip install 'assay[{extra}]'")


def _wait(servers: tuple[Server, ...], home: Path, deadline: float) -> None:
    waiting = list(servers)
    while waiting:
        waiting = [server for server in waiting if not (answers(server) and _listens(server, home))]
        for server in waiting:
            if _processes.alive(server.pid, server.started) is None:
                raise ServersError(_told(server, home, "ended before it answered"))
            if time.monotonic() > deadline:
                raise ServersError(_told(server, home, "does not answer"))
        time.sleep(0.05)


def _listens(server: Server, home: Path) -> bool:
    """True when a process of this server holds its port: an answer alone might be somebody else's."""
    port = int(server.url.rpartition(":")[2])
    for process in _processes.members(server.pid, server.started, home):
        try:
            held = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in held):
            return True
    return False


def _told(server: Server, home: Path, what: str) -> str:
    log = log_of(server.name, home)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
    return f"The {server.name} server at {server.url} {what}. The end of {log}:\n{tail}"


def _usable(server: Server, home: Path) -> bool:
    """True for a server that runs and answers. One that runs and stays silent is stopped, to be started anew."""
    if _processes.alive(server.pid, server.started) is not None and answers(server):
        return True
    _stop((server,), home)
    return False


def _stop(servers: tuple[Server, ...], home: Path) -> tuple[Server, ...]:
    found = {server: _processes.members(server.pid, server.started, home) for server in servers}
    _processes.stop([process for processes in found.values() for process in processes])
    return tuple(server for server, processes in found.items() if processes)


def _write(home: Path, servers: tuple[Server, ...]) -> None:
    path = home / "servers.json"
    if not servers:
        path.unlink(missing_ok=True)
        return
    entries = {server.name: {"url": server.url, "pid": server.pid, "started": server.started} for server in servers}
    write_durably(path, json.dumps(entries, indent=2).encode())


def _locked(home: Path) -> AbstractContextManager[None]:
    """One `up` or `down` at a time in a home; the others wait for it, and find its work done."""
    return Ledger(home).lock("servers", wait_s=LOCK_WAIT_S, doing="the start or the end of the servers")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Let nobody else take the ports that were found free, nor make the schema of the MLflow database meanwhile."""
    machine = Path(tempfile.gettempdir()) / f"assay-{os.getuid()}"
    with (
        Ledger(machine).lock("ports", wait_s=LOCK_WAIT_S, doing="the start of other servers"),
        Ledger(home).lock("mlflow-schema", wait_s=LOCK_WAIT_S, doing="the first start of the MLflow database"),
    ):
        yield

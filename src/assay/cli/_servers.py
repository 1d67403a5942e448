"""`up`, `down`, `status` and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command

if TYPE_CHECKING:
    from rich.console import Console

    from assay.ledger import RunRow
    from assay.local import Check, Server, Status

PANEL = "The servers"


def up() -> Answer:
    """Start a Prefect API and an MLflow server on this machine.

    Both listen on the loopback interface alone. Does nothing where they run already.
    """
    from assay import local, pipeline
    from assay.ledger import find_home

    home = find_home()
    servers = local.up(home)
    crashed = pipeline.reconcile(home=home)
    data = {"servers": as_data(servers), "crashed": as_data(crashed)}
    return Answer(data, lambda console: _show_servers(console, servers, crashed))


def down() -> Answer:
    """Stop the servers that `up` started, and nothing else."""
    from assay import local
    from assay.ledger import find_home

    stopped = local.down(find_home())
    words = f"Stopped {' and '.join(server.name for server in stopped)}." if stopped else "No server was running."
    return Answer({"stopped": as_data(stopped)}, lambda console: console.print(words))


def status() -> Answer:
    """Say where the servers are, how they are, and what they take."""
    from assay import local, pipeline
    from assay.ledger import find_home

    home = find_home()
    found = local.status(home)
    crashed = pipeline.reconcile(home=home)
    data = as_data(found) | {"healthy": found.healthy, "crashed": as_data(crashed)}
    return Answer(data, lambda console: _show_status(console, found, crashed))


def doctor() -> Answer:
    """Look at everything that a run depends on, by doing it.

    Imports every library, looks for pairs of versions that do not go together, and runs a small run. Ends with 4 when
    something is broken.
    """
    from assay import local, pipeline
    from assay.ledger import find_home

    home = find_home()
    pipeline.reconcile(home=home)
    checks = local.doctor(home)
    broken = any(check.verdict == "fail" for check in checks)
    return Answer(
        {"healthy": not broken, "checks": as_data(checks)},
        lambda console: _show_checks(console, checks),
        exit_code=4 if broken else 0,
    )


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (up, down, status, doctor):
        command(app, function, PANEL)


def _show_servers(console: Console, servers: tuple[Server, ...], crashed: tuple[RunRow, ...]) -> None:
    from assay.cli import _print

    _print.facts(console, ((server.name, server.url) for server in servers))
    _print.facts(console, ((row.run_id, row.reason) for row in crashed))


def _show_status(console: Console, found: Status, crashed: tuple[RunRow, ...]) -> None:
    from assay.cli import _print

    if found.servers:
        rows = _print.table("server", "", "address", "version", "memory", "disk", "process", right=("memory", "disk"))
        for each in found.servers:
            server, memory, disk = each.server, _print.size(each.memory_bytes), _print.size(each.disk_bytes)
            health = _print.coloured(each.health)
            rows.add_row(server.name, health, server.url, each.version, memory, disk, str(server.pid))
        console.print(rows)
    else:
        console.print("No server is running. `assay up` starts them.")
    room = f"{found.home}, {_print.size(found.disk_bytes)}, {_print.size(found.disk_free_bytes)} free"
    _print.facts(console, [("home", room)])
    _print.facts(console, ((row.run_id, row.reason) for row in crashed))


def _show_checks(console: Console, checks: tuple[Check, ...]) -> None:
    from rich.text import Text

    from assay.cli import _print

    rows = _print.table("", "check", "found")
    for check in checks:
        found = Text(check.found)
        if check.advice:
            found.append(f"\n{check.advice}", style="dim")
        rows.add_row(_print.coloured(check.verdict), check.name, found)
    console.print(rows)

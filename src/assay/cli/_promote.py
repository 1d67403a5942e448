"""`promote`, `rollback` and `history`: who holds an alias, who held it, and by whose word."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.errors import AssayError

if TYPE_CHECKING:
    from rich.console import Console

    from assay.registry import Chain, Promotion

PANEL = "Production"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The registered model.", show_default=False)]
Alias = Annotated[str, typer.Option(help="The alias that moves.")]
By = Annotated[str, typer.Option(metavar="WHO", help="Who says so; default: the user of MLflow or of this machine.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]
Uri = Annotated[str, typer.Option(help="The MLflow to ask, instead of the one that a run here would write to.")]


def promote(
    name: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, show_default=False)],
    alias: Alias = "champion",
    by: By = "",
    reason: Reason = "",
    waive: Annotated[str, typer.Option(metavar="REASON", help="Promote what its gates did not, and why.")] = "",
    propose: Annotated[bool, typer.Option("--propose", help="Only propose; a second person promotes.")] = False,
    uri: Uri = "",
) -> Answer:
    """Give an alias to a version of a model.

    Its files are checked against those that were judged. The move is written down before it happens, with who, why and
    on which evidence; the same command again does nothing.
    """
    from assay import registry

    record = registry.promote(
        name, version, alias, by=by, reason=reason, waiver=waive, propose=propose, **surroundings(uri)
    )
    return Answer(as_data(record), lambda console: _show_record(console, name, record))


def rollback(name: Name, alias: Alias = "champion", by: By = "", reason: Reason = "", uri: Uri = "") -> Answer:
    """Give an alias back to the version that held it before."""
    from assay import registry

    record = registry.rollback(name, alias, by=by, reason=reason, **surroundings(uri))
    return Answer(as_data(record), lambda console: _show_record(console, name, record))


def history(
    name: Name,
    at: Annotated[
        str, typer.Option(metavar="DATE", help="Who held what then: 2026-11-24, or with a time, of here.")
    ] = "",
    uri: Uri = "",
) -> Answer:
    """Say which version held which alias when, by whose word and on which evidence.

    Ends with 4 when a record was changed.
    """
    from assay import registry

    around = surroundings(uri)
    chain, now = registry.history(name, uri=around["uri"], home=around["home"])
    until = _moment(at) if at else None
    names = sorted({record.alias for record in chain.records} | (set() if at else set(now)))
    held = {alias: _holder(chain, alias, until, now) for alias in names}
    records = [record for record in chain.records if until is None or record.time <= until]
    data = {"name": name, "held": held, "records": as_data(records)}
    return Answer(data, lambda console: _show_history(console, held, records))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (promote, rollback, history):
        command(app, function, PANEL)


def surroundings(uri: str) -> dict[str, Any]:
    """The MLflow, the state folder and the store of a command."""
    from assay import tracking
    from assay.ledger import Ledger, find_home

    home = find_home()
    return {"uri": uri or tracking.destination(home, None), "home": home, "store": Ledger(home).store}


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AssayError(f"--at: {text!r} is no date. Allowed: 2026-11-24, or 2026-11-24T15:00.") from None
    if len(text) == len("2026-11-24"):
        moment = moment.replace(hour=23, minute=59, second=59)  # who held it on a day held it at its end
    return moment.timestamp()


def _holder(chain: Chain, alias: str, until: float | None, now: dict[str, int]) -> dict[str, Any]:
    """Who held `alias`; `astray` is the version that it points to now although no record says so."""
    record = chain.last(alias, until)
    version = record.version if record is not None else 0
    astray = now.get(alias, 0) if until is None and now.get(alias, 0) != version else 0
    return {"version": version, "since": record.time if record else None, "astray": astray}


def _show_record(console: Console, name: str, record: Promotion) -> None:
    came_from = f", from version {record.from_version}" if record.from_version else ""
    if record.moves:
        words = f"{name} version {record.version} holds the alias {record.alias!r}{came_from}."
    else:
        words = (
            f"{record.by} proposes {name} version {record.version}. A second person's `assay promote` moves the alias."
        )
    console.print(f"{words} Record {record.number}, {_clock(record.time)}.")


def _show_history(console: Console, held: dict[str, dict[str, Any]], records: list[Promotion]) -> None:
    from assay.cli import _print

    if not records:
        console.print("No alias was ever moved." if not held else "No alias had been moved then.")
    rows = _print.table("", "when", "what", "alias", "version", "from", "by", "evidence", "why")
    for record in records:
        by = record.by + (f", proposed by {record.proposed_by}" if record.proposed_by else "")
        why = f"waived: {record.waiver}" if record.waiver else record.reason
        version, before = str(record.version), str(record.from_version or "")
        evidence = f"{record.outcome} {record.evidence[:12]}"
        rows.add_row(
            str(record.number), _clock(record.time), record.action, record.alias, version, before, by, evidence, why
        )
    if records:
        console.print(rows)
    for alias, found in held.items():
        console.print(f"{alias}: version {found['version']}" if found["version"] else f"{alias}: no version")
        if found["astray"]:
            console.print(
                f"! {alias} points to version {found['astray']}, which no record says. `assay rollback` ends it."
            )


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))

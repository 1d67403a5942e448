"""`runs`, `logs`, `cancel`, `gc` and `sync`: what has happened, and what is kept of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.errors import AssayError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from assay.ledger import Garbage, Ledger, RunRow
    from assay.pipeline import RunResult
    from assay.tracking import Synced

PANEL = "The record"
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, as `assay runs` lists it.", show_default=False)
]


def runs() -> Answer:
    """List all runs, the newest first."""
    from assay.ledger import Ledger, find_home

    home = find_home()
    rows = Ledger(home).runs()
    return Answer({"runs": as_data(rows)}, lambda console: _show_runs(console, rows, home))


def logs(run: RunId) -> Answer:
    """Print everything that happened in a run."""
    from assay.ledger import Ledger, find_home

    events = list(Ledger(find_home()).events(run))
    return Answer({"run": run, "events": events}, lambda console: _show_events(console, events))


def cancel(run: RunId) -> Answer:
    """Ask a running run to write a checkpoint and end.

    The command that started it goes on from there.
    """
    from assay.ledger import Ledger, find_home

    row = Ledger(find_home()).cancel(run)
    return Answer(as_data(row), lambda console: console.print(f"Asked process {row.pid} to end run {row.run_id}."))


def gc(
    keep: Annotated[int, typer.Option(min=0, help="How many finished runs of each spec stay.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> Answer:
    """Remove old runs, and what only they need.

    That is checkpoints of finished trainings, and stored results that nothing refers to any more. Runs that MLflow does
    not have yet, and whatever they need, always stay.
    """
    from assay.ledger import Ledger, find_home

    ledger = Ledger(find_home())
    items = ledger.gc(keep=keep, uploaded=_uploaded(ledger), dry_run=dry_run)
    data = {"dry_run": dry_run, "n_bytes": sum(item.n_bytes for item in items), "removed": [_plain(i) for i in items]}
    return Answer(data, lambda console: _show_garbage(console, items, dry_run))


def sync(
    uri: Annotated[str, typer.Option(help="The MLflow to send to, instead of the one that each spec names.")] = "",
) -> Answer:
    """Register the models that MLflow missed while it was down, and send it what happened.

    Ends with 4 when it still does not answer.
    """
    from assay import pipeline, tracking
    from assay.ledger import find_home

    home = find_home()
    pipeline.reconcile(home=home)
    finished = [(row.run_id, result) for row, result in pipeline.finish_pending(home=home)]
    synced = tracking.sync(home, uri=uri)
    registered = [{"run_id": run_id, "came_to": _came_to(result)} for run_id, result in finished]
    failed = any(each.problem for each in synced) or any(_is_open(result) for _, result in finished)

    def show(console: Console) -> None:
        for entry in registered:
            console.print(f"{entry['run_id']}  {entry['came_to']}")
        _show_synced(console, synced)

    return Answer({"registered": registered, "runs": as_data(synced)}, show, exit_code=4 if failed else 0)


def _came_to(result: RunResult | AssayError) -> str:
    """What became of a run whose registry had been out of reach."""
    if isinstance(result, AssayError):
        return str(result)
    return result.pending or f"{result.outcome}: {result.decision.reason}"


def _is_open(result: RunResult | AssayError) -> bool:
    return isinstance(result, AssayError) or bool(result.pending)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (runs, logs, cancel, gc, sync):
        command(app, function, PANEL)


def _show_runs(console: Console, rows: list[RunRow], home: Path) -> None:
    from rich.text import Text

    from assay.cli import _print

    if not rows:
        _print.line(console, Text(f"There is no run yet in {home}."))
        return
    shown = _print.table("run", "state", "outcome", "began", "took", "spec", right=("took",))
    for row in rows:
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started))
        took = _print.seconds(row.ended - row.started) if row.ended else ""
        state, outcome = _print.coloured(row.state), _print.coloured(row.outcome)
        shown.add_row(row.run_id, state, outcome, began, took, row.spec_path)
    console.print(shown)


def _show_events(console: Console, events: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from assay.cli import _print

    for event in events:
        rest = {key: value for key, value in event.items() if key not in ("seq", "time", "kind", "key", "artifact")}
        words = "  ".join(f"{key}={_short(value)}" for key, value in rest.items())
        clock = time.strftime("%H:%M:%S", time.localtime(event["time"]))
        _print.line(console, Text.assemble((clock, "dim"), f"  {event['kind']:<16} ", words))


def _short(value: Any) -> str:
    """A value on one line; what is nested is in the JSON."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "…" if isinstance(value, dict | list) else str(value)


def _uploaded(ledger: Ledger) -> frozenset[str]:
    """The runs of which MLflow has accepted every event: the relay's cursor stands at the end of the log."""
    found = set()
    for row in ledger.runs():
        cursor = ledger.folder(row.run_id) / "relay.json"
        if cursor.is_file() and json.loads(cursor.read_bytes())["seq"] >= sum(1 for _ in ledger.events(row.run_id)):
            found.add(row.run_id)
    return frozenset(found)


def _plain(item: Garbage) -> dict[str, Any]:
    return {"path": str(item.path), "kind": item.kind, "n_bytes": item.n_bytes, "why": item.why}


def _show_garbage(console: Console, items: list[Garbage], dry_run: bool) -> None:
    from assay.cli import _print

    if not items:
        console.print("There is nothing to remove.")
        return
    rows = _print.table("what", "how many", "size", "because", right=("how many", "size"))
    for kind in dict.fromkeys(item.kind for item in items):
        same = [item for item in items if item.kind == kind]
        rows.add_row(kind, str(len(same)), _print.size(sum(item.n_bytes for item in same)), same[0].why)
    console.print(rows)
    total = _print.size(sum(item.n_bytes for item in items))
    console.print(f"{total} would be free again." if dry_run else f"{total} are free again.")


def _show_synced(console: Console, synced: tuple[Synced, ...]) -> None:
    from assay.cli import _print

    if not synced:
        console.print("MLflow has everything.")
        return
    rows = _print.table("run", "events sent", "problem", right=("events sent",))
    for each in synced:
        rows.add_row(each.run_id, str(each.n_events), each.problem)
    console.print(rows)

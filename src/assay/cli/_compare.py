"""`compare`: what two runs have in common, and what one gains over the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli._answer import Answer, command
from assay.cli._record import PANEL

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from assay.artifacts import GateResult, Interval
    from assay.pipeline import RunComparison

First = Annotated[str, typer.Argument(metavar="RUN", help="The run to compare with.", show_default=False)]
Second = Annotated[str, typer.Argument(metavar="RUN", help="The run whose gain is told.", show_default=False)]


def compare(first: First, second: Second) -> Answer:
    """Put two runs side by side: their specs, their metrics on test rows, their gates.

    The gain is that of the second run, positive where it is better, with an interval of its own.
    """
    from assay import pipeline

    found = pipeline.compare(first, second)
    return Answer(found.as_data(), lambda console: _show(console, found))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, compare, PANEL)


def _show(console: Console, found: RunComparison) -> None:
    from assay.cli import _print

    _print.facts(console, [("first", found.first), ("second", found.second)])
    for part in (_spec(found), _metrics(found), _gates(found)):
        console.print()
        console.print(part)
    console.print()
    _print.facts(console, [("gain", f"of the second, positive is better; {found.how}: {found.why}")])


def _spec(found: RunComparison) -> Table | str:
    from assay.cli import _print

    if not found.spec:
        return "The specs say the same."
    rows = _print.table("spec", "first", "second")
    for change in found.spec:
        values = ("" if value is None else _print.plain(value) for value in (change.first, change.second))
        rows.add_row(change.path, *values)
    return rows


def _metrics(found: RunComparison) -> Table:
    from assay.cli import _print

    headers = ("first", "second", "gain", "interval")
    rows = _print.table("on the test fold", *headers, right=headers)
    for pair in found.metrics:
        ends = _print.interval(pair.gain.low, pair.gain.high) if pair.gain else ""
        rows.add_row(pair.name, *_values((pair.first, pair.second, pair.gain)), ends)
    return rows


def _gates(found: RunComparison) -> Table | str:
    from assay.cli import _print

    if not found.gates:
        return "Neither has a gate."
    rows = _print.table("gate", "first", "", "second", "", right=("",))
    for pair in found.gates:
        first, second = pair.first, pair.second
        words = (_print.coloured(gate.verdict if gate else "") for gate in (first, second))
        numbers = _values((first, second))
        rows.add_row(pair.title, *(cell for cells in zip(words, numbers, strict=True) for cell in cells))
    return rows


def _values(estimates: Iterable[Interval | GateResult | None]) -> list[str]:
    from assay.cli import _print

    return [_print.number(each.value) if each else "" for each in estimates]

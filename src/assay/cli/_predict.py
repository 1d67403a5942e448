"""`predict`: a model over a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.cli._promote import PANEL, Uri, surroundings
from assay.cli._serve import Reference

if TYPE_CHECKING:
    from rich.console import Console

    from assay.serving import Scored


def predict(
    model: Reference,
    data: Annotated[Path, typer.Option(help="Parquet, Arrow or CSV: a file, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="A folder for the answers, as Parquet parts.")],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column to keep beside the answer.")
    ] = None,
    rows_per_part: Annotated[int, typer.Option(min=1, help="A kill costs one part at most.")] = 131_072,
    uri: Uri = "",
) -> Answer:
    """Predict every row of a table, in bounded memory.

    Killed and given again, the same command goes on where it was: every row is answered exactly once.
    """
    from assay import serving

    scored = serving.score(
        model, data, out, serving.Where(**surroundings(uri)), keep=tuple(keep or ()), rows_per_part=rows_per_part
    )
    return Answer(as_data(scored), lambda console: _show(console, scored))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, predict, PANEL)


def _show(console: Console, scored: Scored) -> None:
    reused = f", {scored.n_reused} of them there from before" if scored.n_reused else ""
    refused = f" {scored.n_refused:,} are out of contract; column `refused` says why." if scored.n_refused else ""
    parts = "part" if scored.n_parts == 1 else "parts"
    console.print(
        f"{scored.n_rows:,} rows by {scored.name} version {scored.version}: {scored.n_parts} {parts}{reused} in "
        f"{scored.path}.{refused}"
    )

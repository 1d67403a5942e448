"""`check`, `schema` and `init`: writing a spec."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.cli._run import Overrides, SpecFile

if TYPE_CHECKING:
    from rich.console import Console

    from assay.errors import Mistake

PANEL = "A spec"


def check(
    spec: SpecFile,
    overrides: Overrides = None,
    render: Annotated[bool, typer.Option("--render", help="Print the spec with every default filled in.")] = False,
    query: Annotated[bool, typer.Option("--query", help="Run the query of a database, to check its columns.")] = False,
) -> Answer:
    """Find all mistakes of a spec at once, those that its data tell included.

    Says where each one is, what was found, what is allowed and what was probably meant. Ends with 4 when there are any.
    """
    from assay import pipeline
    from assay.spec import loading

    checked = pipeline.check(spec, tuple(overrides or ()), query=query)
    data = {"valid": checked.spec is not None, "mistakes": as_data(checked.mistakes), "notes": list(checked.notes)}
    if checked.spec is None:
        return Answer(data, lambda console: _show_mistakes(console, checked.mistakes), exit_code=4, to_stderr=True)
    if render:
        text = loading.render(checked.spec)
        return Answer(data | {"rendered": text}, lambda console: _plain(console, text))
    lines = "\n".join([f"{spec}: no mistakes.", *(f"! {note}" for note in checked.notes)])
    return Answer(data, lambda console: _plain(console, lines))


def schema() -> Answer:
    """Print the JSON Schema of a spec, for editors."""
    from assay.spec import loading

    found = loading.schema()
    return Answer(found, lambda console: _plain(console, json.dumps(found, indent=2)))


def init(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A CSV or Parquet file.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; default: DATA.yaml, here.")
    ] = None,
) -> Answer:
    """Write a first spec for a file of data, with comments, that runs.

    Types, target, split and expectations are guessed; expectations from training rows alone. Overwrites nothing.
    """
    import os

    from assay.cli import _draft
    from assay.data import describe_for_spec
    from assay.errors import DataError

    target = output or Path(data.with_suffix(".yaml").name)
    if target.exists():
        raise DataError(f"{target} is there already. Name another file: assay init {data} -o FILE")
    seen = describe_for_spec(data)
    where = os.path.relpath(data.resolve(), target.resolve().parent)
    target.write_text(_draft.draft(_name(data), target.name, where, seen), encoding="utf-8")
    words = f"Wrote {target}. Read it, correct what it guessed wrong, then: assay run {target}"
    return Answer({"spec": str(target), "seen": seen}, lambda console: _plain(console, words))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (check, schema, init):
        command(app, function, PANEL)


def _name(data: Path) -> str:
    """A name for the spec, of the letters that a name may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", data.stem).strip("-._") or "model"


def _plain(console: Console, text: str) -> None:
    from rich.text import Text

    from assay.cli import _print

    _print.line(console, Text(text.rstrip("\n")))


def _show_mistakes(console: Console, mistakes: tuple[Mistake, ...]) -> None:
    from rich.text import Text

    from assay.cli import _print

    for mistake in mistakes:
        _print.line(console, Text.assemble((mistake.where, "bold"), f"  {mistake.found}"))
        hint = f" {mistake.hint}" if mistake.hint else ""
        _print.line(console, Text(f"allowed: {mistake.allowed}.{hint}", style="dim"), indent=4)

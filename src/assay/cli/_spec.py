"""`check`, `schema` and `init`: writing a spec."""

from __future__ import annotations

import json
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
) -> Answer:
    """Find all mistakes of a spec at once.

    Says where each one is, what was found, what is allowed and what was probably meant. Ends with 4 when there are any.
    """
    from assay.spec import loading

    words = tuple(overrides or ())
    mistakes = loading.check(spec, words)
    if mistakes:
        data = {"valid": False, "mistakes": as_data(mistakes)}
        return Answer(data, lambda console: _show_mistakes(console, mistakes), exit_code=4, to_stderr=True)
    if render:
        text = loading.render(loading.load_spec(spec, words))
        return Answer({"valid": True, "mistakes": [], "rendered": text}, lambda console: _plain(console, text))
    return Answer({"valid": True, "mistakes": []}, lambda console: _plain(console, f"{spec}: no mistakes."))


def schema() -> Answer:
    """Print the JSON Schema of a spec, for editors."""
    from assay.spec import loading

    found = loading.schema()
    return Answer(found, lambda console: _plain(console, json.dumps(found, indent=2)))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (check, schema):
        command(app, function, PANEL)


def _plain(console: Console, text: str) -> None:
    from rich.text import Text

    from assay.cli import _print

    _print.line(console, Text(text.rstrip("\n")))


def _show_mistakes(console: Console, mistakes: list[Mistake]) -> None:
    from rich.text import Text

    from assay.cli import _print

    for mistake in mistakes:
        _print.line(console, Text.assemble((mistake.where, "bold"), f"  {mistake.found}"))
        hint = f" {mistake.hint}" if mistake.hint else ""
        _print.line(console, Text(f"    allowed: {mistake.allowed}.{hint}", style="dim"))

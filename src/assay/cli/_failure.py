"""Errors, as answers: a message for a person, data for a program, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer
from assay.cli._signals import Stopped
from assay.errors import AssayError, Cancelled, SpecError

if TYPE_CHECKING:
    from rich.console import Console

FAILED, TERMINATED = 4, 143


def answer(error: BaseException) -> Answer:
    """What to print for `error`, and with which exit code to end."""
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(error)
    kind, message, exit_code = type(error).__name__, str(error), FAILED
    if isinstance(error, Stopped):
        exit_code = error.exit_code
    elif isinstance(error, Cancelled):
        exit_code = TERMINATED
    elif isinstance(error, typer.TyperException):
        kind, message = "UsageError", f"{error.format_message()} See `assay --help`, or `--help` after a command."
    elif not isinstance(error, AssayError):
        message = f"{kind}: {message}\nThis is a mistake in assay, or in what it stands on. See where with --debug."
    data: dict[str, Any] = {"error": {"kind": kind, "message": message}, "exit_code": exit_code}
    if isinstance(error, SpecError):
        data["error"]["mistakes"] = as_data(error.mistakes)
    return Answer(data, lambda console: _show(console, message), exit_code, to_stderr=True)


def _show(console: Console, message: str) -> None:
    from rich.text import Text

    from assay.cli import _print

    _print.line(console, Text.assemble(("error ", "bold red"), message))

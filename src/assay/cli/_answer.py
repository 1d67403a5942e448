"""What a command returns, and how a command is declared."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli._signals import Stopped

if TYPE_CHECKING:
    from rich.console import Console

Command = Callable[..., "Answer"]

# Given to every command. `main` reads them from the words typed, because an error may come before they are parsed.
OPTIONS = {
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, on stdout.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
}


@dataclass(frozen=True)
class Answer:
    """The answer to a command: its data, how to show them to a person, and the exit code.

    `to_stderr` is for errors: their text goes to stderr, their data to stdout like all data. `at_once` ends the process
    without waiting for the threads of libraries.
    """

    data: dict[str, Any]
    show: Callable[[Console], None] | None = None
    exit_code: int = 0
    to_stderr: bool = False
    at_once: bool = False

    def give(self, as_json: bool) -> int:
        """Print the answer; returns the exit code."""
        if as_json and self.data:
            sys.stdout.write(json.dumps(self.data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        elif self.show is not None:
            from assay.cli import _print

            self.show(_print.console(self.to_stderr))
        sys.stdout.flush()
        if self.at_once:
            sys.stderr.flush()
            os._exit(self.exit_code)
        return self.exit_code


def command(app: typer.Typer, function: Command, panel: str, name: str | None = None) -> None:
    """Add `function` to `app`, with the options that every command has."""

    @functools.wraps(function)
    def call(*args: Any, json: bool, debug: bool, **options: Any) -> Answer:
        # Libraries print what they like. Stdout is the answer's alone.
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return function(*args, **options)
        except KeyboardInterrupt as error:
            raise Stopped(error) from error

    signature = inspect.signature(function, eval_str=True)
    shared = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for option, annotation in OPTIONS.items()
    ]
    call.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *shared])  # type: ignore[attr-defined]
    call.__annotations__ = {name: each.annotation for name, each in call.__signature__.parameters.items()}  # type: ignore[attr-defined]
    app.command(name or function.__name__.strip("_"), rich_help_panel=panel)(call)

"""What a person types.

A command is a function that returns an `Answer`: the data, and how to show them. One place prints it (as text, or with
`--json` as one object), turns errors into messages, and outcomes into exit codes; so no command prints, and each can be
asked for JSON. Every import beyond typer stands inside a command, so that `assay --help` costs nothing else. Progress
goes to stderr: stdout is the answer.

Exit codes: 0 promoted (or done), 2 refused by a gate, 3 inconclusive, 4 any error; 130 and 143 when told to stop.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from assay.cli import (
    _audit,
    _compare,
    _export,
    _plugins,
    _predict,
    _promote,
    _record,
    _run,
    _schedule,
    _search,
    _serve,
    _servers,
    _spec,
    _watch,
)
from assay.cli._answer import Answer

app = typer.Typer(
    name="assay",
    help="One YAML file takes real data to an audited, registered, promoted model.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


# How many objects come to be between two searches for unused cycles. Python's 700 make imports, a run's largest share
# where little is left to do, 15 % slower.
ALLOCATIONS = 100_000

_VERSION = typer.Option("--version", help="Print the version.", callback=_plugins.print_version, is_eager=True)


@app.callback()
def _everywhere(
    version: Annotated[bool, _VERSION] = False,
) -> None:
    """See the help of `app`."""


_GROUPS = (
    _run, _search, _spec, _audit, _compare, _promote, _serve, _predict, _export, _watch, _schedule, _servers, _record,
    _plugins,
)  # fmt: skip

for _group in _GROUPS:
    _group.add_to(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    as_json, debug = "--json" in words, "--debug" in words
    gc.set_threshold(ALLOCATIONS)
    try:
        answer = _obey(words)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        from assay.cli import _failure

        answer = _failure.answer(error)
    return answer.give(as_json)


def _obey(words: list[str]) -> Answer:
    from assay.cli import _signals

    with _signals.handled():
        returned = app(words, standalone_mode=False)
    return returned if isinstance(returned, Answer) else Answer({}, exit_code=int(returned or 0))

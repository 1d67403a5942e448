"""How answers look: few lines, one column of names, colour only where it means something."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

# A verdict or a state, and its colour. Colour only repeats what the word says.
COLOURS = {
    "promoted": "bold green", "refused": "bold red", "inconclusive": "bold yellow",
    "PASS": "green", "FAIL": "bold red", "ERROR": "bold red", "INCONCLUSIVE": "yellow", "NOT_APPLICABLE": "dim",
    "finished": "green", "running": "cyan", "failed": "red", "crashed": "red", "cancelled": "yellow",
    "pending": "yellow", "healthy": "green", "silent": "yellow", "gone": "red",
    "HOLDS": "green", "VIOLATES": "bold red", "UNDECIDED": "yellow",
    "ok": "green", "warn": "yellow", "fail": "bold red",
}  # fmt: skip
PIPE_WIDTH = 140  # of lines that go to a file or a pipe, where nothing wraps them


def console(to_stderr: bool = False) -> Console:
    """A console for a person: as wide as the terminal, or wide enough for whatever reads the pipe."""
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=to_stderr, width=width, highlight=False, emoji=False)


def line(console: Console, text: Text, indent: int = 0) -> None:
    """One line of words: folded between words in a terminal, never where lines are read by programs."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent).append_text(text), soft_wrap=True)


def coloured(word: str) -> Text:
    """A verdict or a state in its colour."""
    return Text(word, style=COLOURS.get(word, ""))


def table(*headers: str, right: Iterable[str] = ()) -> Table:
    """A table without lines; the columns in `right` are numbers."""
    made = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for header in headers:
        made.add_column(header, justify="right" if header in right else "left", no_wrap=header in right)
    return made


def facts(console: Console, rows: Iterable[tuple[str, object]]) -> None:
    """Names and what they are, one a line. What has no space in it, like an address, is never folded."""
    known = [(name, str(value)) for name, value in rows]
    width = max((len(name) for name, _ in known), default=0) + 2
    for name, value in known:
        label = Text(f"{name:<{width}}", style="dim")
        if console.is_terminal and " " in value:
            row = Table.grid()
            row.add_column(no_wrap=True)
            row.add_column()
            row.add_row(label, value)
            console.print(row)
        else:
            console.print(label.append(value, style="not dim"), soft_wrap=True)


def plain(value: object) -> str:
    """A value of the spec as it is written there."""
    import json

    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False, default=str)


def number(value: float | None, digits: int = 4) -> str:
    """A number as people write it: four digits after the point, fewer where it is large; nothing for None."""
    if value is None:
        return ""
    return f"{value:z,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"  # z: a minus before a zero says nothing


def interval(low: float | None, high: float | None) -> str:
    """`low to high`, or nothing."""
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def seconds(value: float | None) -> str:
    """A duration: `0.3 s`, `2 min 05 s`."""
    if value is None:
        return ""
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60):02d} s"


def size(n_bytes: float) -> str:
    """Bytes in the unit that leaves the fewest digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if n_bytes >= 10 or unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"

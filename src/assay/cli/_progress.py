"""What a person sees while a run goes on: a line per finished stage and, in a terminal, the one that runs now."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from assay.cli import _print

NAME_WIDTH = 16
PLAIN_EPOCH_LINES = 10  # of a training, where lines cannot be overwritten


class Watch:
    """Hears the events of a run and shows them on stderr. Use as a context: `with Watch() as watch: ...`."""

    def __init__(self) -> None:
        self._console = _print.console(to_stderr=True)
        self._live = _bar(self._console) if self._console.is_terminal else None
        self._task: TaskID | None = None
        self._reused: list[str] = []
        self._first_epoch = 1  # those before were shown by the run that this one goes on with

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line of words."""
        self._flush()
        _print.line(self._console, Text(text, style="dim"))

    def hear(self, event: dict[str, Any]) -> None:
        """Show one event; those that only machines want are passed over."""
        match event["kind"]:
            case "stage_started":
                self._start(event["stage"])
            case "stage_committed":
                self._finish(event)
            case "epoch":
                self._epoch(event)
            case "trial" if event["trial"]["state"] not in ("running", "paused"):
                self._trial(event)
            case "notice":
                self._first_epoch = int(event.get("epoch", self._first_epoch))
                self.say(str(event["text"]))

    def _start(self, stage: str) -> None:
        if self._live is not None:
            self._drop()
            self._task = self._live.add_task(stage, total=None, note="")

    def _finish(self, event: dict[str, Any]) -> None:
        self._drop()
        if event["reused"]:
            self._reused.append(event["stage"])
            return
        self._flush()
        self._line("✓", "green", event["stage"], f"{_print.seconds(event['seconds']):>8}")

    def _epoch(self, event: dict[str, Any]) -> None:
        epoch, n_epochs = event["epoch"], event["n_epochs"]
        if epoch < self._first_epoch:
            return
        note = f"epoch {epoch}/{n_epochs}  train {event['train_loss']:.4f}  valid {event['valid_loss']:.4f}"
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=epoch, total=n_epochs, note=note)
        elif self._live is None and (epoch == n_epochs or epoch % max(1, n_epochs // PLAIN_EPOCH_LINES) == 0):
            self._flush()
            self._line("·", "dim", "train", note)

    def _trial(self, event: dict[str, Any]) -> None:
        trial, best = event["trial"], event["best"] or {"number": "-", "score": None}
        score = f"{event['metric']} {_print.number(trial['score'])}" if trial["score"] is not None else ""
        note = f"{trial['state']:8} {score}  best {_print.number(best['score'])} (trial {best['number']})"
        self._flush()
        self._line("·", "dim", f"trial {trial['number'] + 1}/{event['n_trials']}", note)

    def _line(self, mark: str, style: str, name: str, text: str) -> None:
        _print.line(self._console, Text.assemble((mark, style), f" {name:<{NAME_WIDTH}}", (text, "dim")))

    def _flush(self) -> None:
        """Stages that were reused are one line together: nothing has happened in them."""
        if self._reused:
            self._line("↺", "cyan", "reused", ", ".join(self._reused))
            self._reused.clear()

    def _drop(self) -> None:
        if self._live is not None and self._task is not None:
            self._live.remove_task(self._task)
            self._task = None


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(style="cyan"),
        TextColumn(f"{{task.description:<{NAME_WIDTH - 1}}}"),
        BarColumn(bar_width=20),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
        transient=True,
    )

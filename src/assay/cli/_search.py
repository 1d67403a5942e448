"""`search`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli._answer import Answer, command
from assay.cli._run import PANEL, Orchestrator, Overrides, SpecFile, api_of, understood

if TYPE_CHECKING:
    from rich.console import Console

    from assay.artifacts import Trial
    from assay.pipeline import SearchResult

N_TRIALS = 8  # shown, of many


def search(
    spec: SpecFile,
    overrides: Overrides = None,
    orchestrator: Annotated[
        Orchestrator, typer.Option(help="Run as a Prefect flow, in this process, or whichever there is.")
    ] = "auto",
    write: Annotated[
        Path | None, typer.Option("--write", "-w", metavar="FILE", help="Write the spec of the winner there.")
    ] = None,
) -> Answer:
    """Search the space of `tune` and stop there: `assay run` of the same spec goes on with what was found.

    A search that was ended goes on where it was. Ctrl-C once ends it with the best so far.
    """
    from assay import pipeline
    from assay.cli._progress import Watch
    from assay.errors import AssayError
    from assay.ledger import find_home

    home, words = find_home(), tuple(overrides or ())
    if write is not None and write.exists():
        raise AssayError(f"{write} is there already. Name another file.")
    loaded = understood(spec, words)
    with Watch() as watch:
        api = api_of(home, orchestrator, watch)
        if api is None:
            result = pipeline.search(loaded, home=home, listen=watch.hear)
        else:
            import assay_flows

            result = assay_flows.run_search(spec, api=api, home=home, overrides=words, listen=watch.hear)
    if write is not None:
        write.write_bytes(Path(result.spec_path).read_bytes())
    return Answer(result.as_data(), lambda console: _show(console, result, write or Path(result.spec_path)))


def add_to(app: typer.Typer) -> None:
    """Add this group's command."""
    command(app, search, PANEL)


def _show(console: Console, result: SearchResult, where: Path) -> None:
    from rich.text import Text

    from assay.cli import _print

    search, sign = result.search, -1.0 if result.search.greater_is_better else 1.0
    scored = [trial for trial in search.trials if trial.score is not None and trial.state != "failed"]
    ranked = sorted(scored, key=lambda trial: sign * (trial.score or 0.0))
    rows = _print.table("trial", search.metric, "epochs", "state", "values", right=("trial", search.metric, "epochs"))
    for trial in ranked[:N_TRIALS]:
        style = "bold" if trial.number == search.winner else ""
        numbers = (str(trial.number), _print.number(trial.score), str(trial.epoch))
        rows.add_row(*numbers, Text(trial.state, style="dim"), Text(values(trial), style=style))
    console.print()
    console.print(rows)
    console.print()
    _print.facts(console, _facts(result, where))
    for warning in result.warnings:
        _print.line(console, Text.assemble(("! ", "yellow"), warning))


def _facts(result: SearchResult, where: Path) -> list[tuple[str, str]]:
    from assay.cli import _print

    search = result.search
    states = [trial.state for trial in search.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    facts = [
        ("trials", f"{len(states)} ({counts}), {search.n_epochs:,} epochs"),
        (
            "took",
            f"{_print.seconds(search.seconds)}, {_print.seconds(search.device_seconds)} of devices; {search.ended}",
        ),
        ("matters", ", ".join(f"{name} {share:.0%}" for name, share in search.importances[:5])),
        ("winner", str(where)),
        ("MLflow", result.mlflow_url),
    ]
    return [(name, text) for name, text in facts if text]


def values(trial: Trial) -> str:
    """The values of a trial, short."""
    shown = ((name, f"{value:.4g}" if isinstance(value, float) else value) for name, value in trial.settings.items())
    return ", ".join(f"{name}={value}" for name, value in shown)

"""`watch`: has a model in use come to other rows than it was trained on?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assay.cli._answer import Answer, command
from assay.cli._promote import PANEL, Uri
from assay.cli._serve import Reference
from assay.errors import AssayError

if TYPE_CHECKING:
    from rich.console import Console

    from assay.cli._progress import Watch
    from assay.pipeline import RunResult, WatchResult

SHOWN = 12


def watch(
    model: Reference,
    data: Annotated[
        list[str],
        typer.Option(
            metavar="WINDOW", help="Parquet or CSV: a file, folder, glob, s3:// or gs://; may be given again."
        ),
    ],
    rows: Annotated[int, typer.Option(min=0, help="Cut windows of so many rows; 0: a window is a file.")] = 0,
    time: Annotated[str, typer.Option(metavar="COLUMN", help="Cut windows by this column of times.")] = "",
    every: Annotated[
        Literal["hour", "day", "week", "month", "quarter"], typer.Option(help="How long such a window is.")
    ] = "day",
    labels: Annotated[str, typer.Option(metavar="FILE", help="Labels that came later, joined by --id.")] = "",
    id_: Annotated[str, typer.Option("--id", metavar="COLUMN", help="The column of ids in data and labels.")] = "",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a word of the spec's `monitoring`: min_psi=0.2."),
    ] = None,
    retrain: Annotated[
        Path | None, typer.Option(metavar="SPEC", help="Run this spec where it fires, once for the same windows.")
    ] = None,
    gauges: Annotated[Path | None, typer.Option(metavar="FILE", help="Write gauges for Prometheus here.")] = None,
    uri: Uri = "",
) -> Answer:
    """Hold windows of served or scored rows against what a model was trained on.

    Ends with 0 when nothing has moved for long, 2 when it fires (by default 2 of the last 3 windows violate, the newest
    among them), 3 when it cannot tell yet, 4 on an error.
    """
    from assay import pipeline
    from assay.cli._progress import Watch
    from assay.ledger import find_home
    from assay.spec.loading import load_spec
    from assay.store import write_durably

    _fit(labels, id_, rows, time)
    if retrain is not None:
        load_spec(retrain)  # a mistake in it is told before anything is looked at
    home = find_home()
    with Watch() as progress:
        result = pipeline.watch(
            model, data, rows=rows, time=time, every=every, labels=labels, id=id_, overrides=tuple(overrides or ()),
            train=_training(retrain, home, progress), home=home, uri=uri,
        )  # fmt: skip
    if gauges is not None:
        write_durably(gauges, result.gauges.encode())
    return Answer(result.as_data(), lambda console: _show(console, result), result.exit_code)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, watch, PANEL)


def _fit(labels: str, id_: str, rows: int, time: str) -> None:
    if bool(labels) != bool(id_):
        raise AssayError("--labels and --id belong together: a table of labels, and the column by which it is joined.")
    if rows and time:
        raise AssayError("--rows and --time cut windows in two ways. Allowed: one of them, or none.")


def _training(spec: Path | None, home: Path, progress: Watch) -> Callable[[], RunResult] | None:
    """The training that a firing rule begins: a flow where a Prefect API answers, as `assay run` would."""
    if spec is None:
        return None

    def train() -> RunResult:
        from assay import pipeline
        from assay.cli._run import api_of

        api = api_of(home, "auto", progress)
        if api is None:
            return pipeline.run(spec, home=home, listen=progress.hear)
        import assay_flows

        return assay_flows.run_training(spec, api=api, home=home, listen=progress.hear).result

    return train


def _show(console: Console, result: WatchResult) -> None:
    from assay.cli import _print

    watched = result.watched
    rows = _print.table("", "window", "rows", "verdict", "why", right=("rows",))
    for window in watched.windows[-SHOWN:]:
        mark = "*" if window.number in watched.counted else ""
        verdict = _print.coloured(window.verdict)
        rows.add_row(f"{window.number}{mark}", window.name, f"{window.n_rows:,}", verdict, window.reason)
    console.print(rows)
    facts = [("verdict", f"{watched.verdict}: {watched.reason}"), ("moved", ", ".join(watched.moved))]
    facts += [("report", result.page), ("MLflow", result.mlflow_url or result.problem)]
    if result.retrained is not None:
        run = result.retrained.run
        said = f"{run.run_id}: {run.outcome}, {run.decision.reason}" if run else f"failed: {result.retrained.problem}"
        facts.append(("retrained", said))
    _print.facts(console, [(name, text) for name, text in facts if text])

"""`export`: a network for runtimes without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.artifacts import as_data
from assay.cli._answer import Answer, command
from assay.cli._promote import PANEL, Uri, surroundings
from assay.errors import AssayError

if TYPE_CHECKING:
    from rich.console import Console

    from assay.artifacts import Calibration, Model
    from assay.inference import Exported


def export(
    model: Annotated[
        str, typer.Argument(metavar="NAME@ALIAS", help="Or NAME/VERSION, or the id of a run.", show_default=False)
    ],
    onnx: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the graph.")],
    uri: Uri = "",
) -> Answer:
    """Write the network of a model as an ONNX file, for any number of rows.

    The preprocessing is not in it: it takes rows as `assay` encodes them. The file's metadata say what goes in, and
    what the scores that come out mean. They are compared with torch's before anything is written.
    """
    from assay import inference

    around = surroundings(uri)
    called, trained, calibration, root = _found(model, around)
    exported = inference.export(trained, calibration, onnx, called=called, store=around["store"], root=root)
    return Answer(as_data(exported), lambda console: _show(console, exported))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, export, PANEL)


def _found(model: str, around: dict[str, Any]) -> tuple[str, Model, Calibration, Path | None]:
    """What it is called for good, the model, its calibration, and where a family of the user's own lies."""
    if "@" not in model and "/" not in model:
        return model, *_of_run(model, around["home"])
    from assay import registry

    version = registry.load(model, **around)
    return f"{version.name}/{version.number}", version.model, version.calibration, None


def _of_run(run: str, home: Path) -> tuple[Model, Calibration, Path]:
    from assay.artifacts import Calibration, Model, from_json
    from assay.ledger import Ledger

    ledger = Ledger(home)
    committed = (event for event in ledger.events(run) if event["kind"] == "stage_committed")
    found = {event["stage"]: event["artifact"] for event in committed}
    if not {"train", "calibrate"} <= found.keys():
        raise AssayError(f"Run {run} has trained no model yet. See `assay logs {run}`.")
    root = Path(ledger.run(run).spec_path).parent
    return from_json(Model, found["train"]), from_json(Calibration, found["calibrate"]), root


def _show(console: Console, exported: Exported) -> None:
    from assay.cli import _print

    told = exported.properties
    console.print(
        f"{exported.path}: the network of {told['assay.model']}, {_print.size(exported.n_bytes)}. Its scores are "
        f"torch's, to {exported.difference:.1g}."
    )
    console.print("! The preprocessing is not in the graph: it takes rows as `assay` encodes them, not raw columns.")
    console.print(f"{told['assay.scores']}.")

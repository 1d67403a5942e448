"""`models`, `gates`, `sources` and `version`: what there is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import typer

from assay.cli._answer import Answer, command

if TYPE_CHECKING:
    from rich.console import Console

PANEL = "What there is"
LIBRARIES = ("torch", "ray", "mlflow", "prefect", "great-expectations", "scikit-learn", "pyarrow", "numpy", "pandas")


def models() -> Answer:
    """List the model families that a spec can name."""
    return _listed("models", "model")


def gates() -> Answer:
    """List the gates that a spec can name."""
    return _listed("gates", "gate")


def sources() -> Answer:
    """List the data sources that a spec can name."""
    return _listed("sources", "source")


def version() -> Answer:
    """Print the versions of assay and of what it stands on."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    import assay

    found = {"assay": assay.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version_of(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return Answer(found, lambda console: _show(console, found))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (models, gates, sources, version):
        command(app, function, PANEL)


def _listed(title: str, kind: str) -> Answer:
    from assay.spec import plugins

    found = {name: _first_line(kind, name) for name in plugins.names(kind)}
    return Answer({title: found}, lambda console: _show(console, found))


def _first_line(kind: str, name: str) -> str:
    """The first line of a plugin's docstring, read from its file: importing it may cost seconds."""
    from assay.spec import plugins

    path = plugins.source_file(kind, name)
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path is not None else None
    return text.splitlines()[0] if text else ""


def _show(console: Console, found: dict[str, str]) -> None:
    from assay.cli import _print

    _print.facts(console, found.items())

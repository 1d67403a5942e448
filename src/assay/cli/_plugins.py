"""`models`, `gates`, `sources` and `version`: what there is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli._answer import Answer, command

if TYPE_CHECKING:
    from rich.console import Console

PANEL = "What there is"
Name = Annotated[str | None, typer.Argument(metavar="NAME", help="One of them: lists its options.", show_default=False)]
LIBRARIES = ("torch", "ray", "mlflow", "prefect", "great-expectations", "scikit-learn", "pyarrow", "numpy", "pandas")


def models(name: Name = None) -> Answer:
    """List the model families that a spec can name, or the options of one."""
    return _listed("models", "model", name)


def gates(name: Name = None) -> Answer:
    """List the gates that a spec can name, or the options of one."""
    return _listed("gates", "gate", name)


def sources(name: Name = None) -> Answer:
    """List the data sources that a spec can name, or the options of one."""
    return _listed("sources", "source", name)


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


def print_version(wanted: bool) -> None:
    """Print what `--version` asks for, and end."""
    import assay

    if wanted:
        print(f"assay {assay.__version__}")
        raise typer.Exit


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for function in (models, gates, sources, version):
        command(app, function, PANEL)


def _listed(title: str, kind: str, name: str | None) -> Answer:
    from assay.spec import plugins

    if name is not None:
        return _options_of(kind, name)
    found = {name: _about(kind, name) for name in plugins.names(kind)}
    return Answer({title: found}, lambda console: _show(console, found))


def _options_of(kind: str, name: str) -> Answer:
    from assay.artifacts import as_data
    from assay.spec import plugins

    options = plugins.options(kind, name)
    data = {"name": name, "about": _about(kind, name), "options": as_data(options)}

    def show(console: Console) -> None:
        from assay.cli import _print

        _print.facts(console, [(name, data["about"])])
        rows = _print.table("option", "default", "allowed")
        for option in options:
            default = "required" if option.required else _print.plain(option.default)
            rows.add_row(option.name, default, option.allowed)
        if options:
            console.print()
            console.print(rows)

    return Answer(data, show)


def _about(kind: str, name: str) -> str:
    """The first paragraph of a plugin's docstring, read from its file: importing it may cost seconds."""
    from assay.spec import plugins

    path = plugins.source_file(kind, name)
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path is not None else None
    return " ".join(text.split("\n\n")[0].split()) if text else ""


def _show(console: Console, found: dict[str, str]) -> None:
    from assay.cli import _print

    _print.facts(console, found.items())

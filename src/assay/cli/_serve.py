"""`serve`: a model behind HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from assay.cli._answer import Answer, command
from assay.cli._promote import PANEL, Uri, surroundings
from assay.errors import ServersError

Reference = Annotated[
    str, typer.Argument(metavar="NAME@ALIAS", help="Or NAME/VERSION, which never changes.", show_default=False)
]


def serve(
    model: Reference,
    host: Annotated[str, typer.Option(help="Beyond 127.0.0.1 an API key is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    challenger: Annotated[str, typer.Option(metavar="NAME@ALIAS", help="A second version, see --mode.")] = "",
    mode: Annotated[Literal["shadow", "canary"], typer.Option(help="What the challenger does.")] = "shadow",
    share: Annotated[float, typer.Option(min=0, max=1, help="Of requests, that a canary answers.")] = 0.05,
    key_file: Annotated[Path | None, typer.Option(help="API keys, one a line; or in ASSAY_API_KEYS.")] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Rows of one request.")] = 1000,
    max_body_mb: Annotated[float, typer.Option(min=0.001, help="Size of one request.")] = 4.0,
    per_s: Annotated[float, typer.Option(min=0, help="Requests a second of one client; 0: no limit.")] = 0.0,
    poll_s: Annotated[float, typer.Option(min=0.1, help="How often the alias is looked at.")] = 2.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    uri: Uri = "",
) -> Answer:
    """Answer requests with the version that holds an alias, until told to end.

    POST /predict, GET /openapi.json, /health, /ready, /metrics. A moved alias is followed, and no request dropped.
    """
    from assay import serving

    around = surroundings(uri)
    serving.serve(
        model,
        serving.Where(**around),
        host=host,
        port=port,
        challenger=serving.Challenger(reference=challenger, mode=mode, share=share) if challenger else None,
        limits=serving.Limits(max_rows=max_rows, max_body_bytes=int(max_body_mb * 1e6), per_s=per_s),
        keys=_keys(key_file),
        poll_s=poll_s,
        workers=workers,
        ready=lambda address: print(f"{model} answers at {address}/predict", file=sys.stderr, flush=True),
    )
    return Answer({"served": model})


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    command(app, serve, PANEL)


def _keys(path: Path | None) -> tuple[str, ...]:
    """The API keys, from the file or the environment. They are never printed."""
    if path is None:
        return tuple(key.strip() for key in os.environ.get("ASSAY_API_KEYS", "").split(",") if key.strip())
    try:
        keys = tuple(line.strip() for line in path.read_text().splitlines() if line.strip())
    except OSError as error:
        raise ServersError(f"--key-file {path}: {error.strerror}. Allowed: a text file, one key a line.") from None
    if not keys:
        raise ServersError(f"--key-file {path} is empty. Allowed: one key a line.")
    return keys

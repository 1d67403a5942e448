"""Where the model comes from: enough to make it again, and to see that nothing was changed since."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

from assay.artifacts import Model, Snapshot
from assay.reporting._format import count, plural, size, without_secrets
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import code, facts, folded, note, section, table


def lineage(snapshot: Snapshot, model: Model, digests: tuple[tuple[str, str], ...], spec_text: str) -> Element:
    """The section of origins."""
    rows: list[list[Child]] = [[name, code(digest)] for name, digest in digests]
    return section(
        "lineage",
        "Lineage",
        "What went in and what came out. Where digests are equal, so is what they stand for.",
        facts("How the model was made", _facts(snapshot, model)),
        *(note(remark) for remark in model.preprocessing.notes),
        table("Digest of every hand-off", ["Hand-off", "SHA-256"], rows) if rows else None,
        folded("The spec as it was written", element("pre", code(without_secrets(spec_text)), tabindex=0)),
    )


def _facts(snapshot: Snapshot, model: Model) -> list[tuple[str, Child]]:
    options = ", ".join(f"{name} {json.dumps(value)}" for name, value in json.loads(model.options).items())
    where = f"{model.device}, {plural(model.n_workers, 'worker') if model.n_workers else 'in one process'}"
    return [
        ("Data source", f"{without_secrets(snapshot.source.description)}, {size(snapshot.source.n_bytes)}"),
        ("Digest of the data", code(snapshot.source.sha256)),
        ("Model family", model.family),
        ("Options", options or "none"),
        ("Parameters", count(model.n_parameters)),
        ("Best epoch", f"{model.best_epoch} of {len(model.epochs)}"),
        ("Training stopped", model.stopped),
        ("Trained on", where),
        ("Digest of the model", code(model.sha256)),
        ("assay", _version()),
    ]


def _version() -> str:
    try:
        return version("assay")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "not installed"

"""Where the model comes from: enough to make it again, and to see that nothing was changed since."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

from assay.artifacts import Decision, Model, Snapshot
from assay.reporting import Pages
from assay.reporting._format import count, plural, size, without_secrets
from assay.reporting._markup import Child, Element, element
from assay.reporting._parts import away, code, facts, folded, note, paragraph, section, table

# The section that tells of a hand-off, in the words of its link.
_TOLD = {
    "snapshot": "data", "validation": "data", "folds": "data", "profile": "data",
    "leaks": "diagnosis", "model": "performance", "calibration": "performance", "predictions": "performance",
    "evaluation": "performance", "findings": "fairness", "decision": "gates",
}  # fmt: skip


def lineage(
    snapshot: Snapshot,
    model: Model,
    decision: Decision,
    digests: tuple[tuple[str, str], ...],
    spec_text: str,
    pages: Pages,
) -> Element:
    """The section of origins."""
    rows = [_handoff(name, digest, pages) for name, digest in digests]
    return section(
        "lineage",
        "Lineage",
        "What went in and what came out. Where digests are equal, so is what they stand for.",
        facts("How the model was made", _facts(snapshot, model)),
        *(note(remark) for remark in model.preprocessing.notes),
        facts("Where to read on", _kept(model, decision, pages)),
        element(
            "p", "MLflow's frame opens no links. Click an address to select it, and copy it.", class_="note inside"
        ),
        table("Every hand-off between stages", ["Hand-off", "Told in", "SHA-256"], rows) if rows else None,
        folded("The spec as it was written", element("pre", code(without_secrets(spec_text)), tabindex=0)),
    )


def _handoff(name: str, digest: str, pages: Pages) -> list[Child]:
    address, told = pages.handoff(name), _TOLD.get(name)
    section = element("a", told.capitalize(), href=f"#{told}") if told else "–"
    return [away(name, address) if address else name, section, code(digest)]


def _kept(model: Model, decision: Decision, pages: Pages) -> list[tuple[str, Child]]:
    """The run and the model in MLflow, each as a link and as an address that can be copied."""
    if not pages.run_id:
        return [("MLflow", paragraph("It did not answer when this page was written. `assay sync` sends the run."))]
    if not pages.run:
        shown = f"`{pages.run_id}`, in a database; `assay up` starts the server that shows it."
        return [("MLflow run", paragraph(shown))]
    found: list[tuple[str, Child]] = [
        ("MLflow run", _address(pages.run_id, pages.run)),
        ("Hand-offs", _address("handoffs", pages.run.partition("?")[0] + "/artifacts/handoffs")),
        ("Registered model", _address(pages.model_name, pages.model)),
        ("This version", element("span", "that with the tag assay.model_sha256 = ", code(model.sha256))),
    ]
    if number := decision.champion_version:
        found.append(("Champion", _address(f"version {number}, which it was compared with", pages.version(number))))
    return found


def _address(text: str, address: str) -> Element:
    return element("div", away(text, address), element("code", address, class_="address"))


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

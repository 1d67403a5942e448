"""Does the evidence still say what it said? Asked of a folder, with neither data nor model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.artifacts import Blob, Decision, Evidence, Findings, from_json, to_json
from assay.audit import _signature
from assay.audit._bundle import FORMAT, MANIFEST, SIGNATURE, Question, sealed, tree_sha256
from assay.audit._findings import findings_from_cells
from assay.errors import AssayError
from assay.store import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `verify` came to. Each of `recomputed` is (gate, verdict as recorded, verdict from the cells).

    `sha256` is the digest of the manifest, which the registered model version holds too.
    """

    problems: tuple[str, ...]
    recomputed: tuple[tuple[str, str, str], ...]
    signature: str
    manifest: dict[str, Any]
    sha256: str


def verify(folder: Path, trusted: str) -> Verified:
    """See `assay.audit.verify`."""
    manifest = _manifest(folder)
    problems = [*_files(folder, manifest)]
    signature, wrong = _signed(folder, manifest, trusted)
    problems += wrong
    recomputed: tuple[tuple[str, str, str], ...] = ()
    if not problems:  # what was changed proves nothing
        try:
            problems, recomputed = _recomputed(folder, manifest)
        except (AssayError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            problems = [f"The verdicts cannot be recomputed: {type(error).__name__}: {error}"]
    return Verified(
        problems=tuple(problems),
        recomputed=recomputed,
        signature=signature,
        manifest=manifest,
        sha256=digest_of(folder / MANIFEST),
    )


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise AssayError(
            f"{folder} holds no {MANIFEST}. Allowed: a folder that `assay audit export` wrote, or MLflow's."
        )
    data = path.read_bytes()
    try:
        manifest = json.loads(data)
        whole = isinstance(manifest, dict) and sealed(manifest).encode() == data
    except ValueError:
        whole = False
    if not whole:
        raise AssayError(f"{path} was changed: it no longer agrees with the digest that it holds.")
    if manifest["format"] != FORMAT:
        raise AssayError(f"{path} has format {manifest['format']!r}; this assay reads {FORMAT}.")
    return dict(manifest)


def _files(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    listed = manifest["files"]
    for name, entry in listed.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            yield f"{name}: missing."
        elif digest_of(path) != entry["sha256"]:
            yield f"{name}: changed; its digest is not the one in the manifest."
    for path in sorted(folder.iterdir()):
        if path.name not in (*listed, MANIFEST, SIGNATURE):
            yield f"{path.name}: not in the manifest."
    if tree_sha256({name: entry["sha256"] for name, entry in listed.items()}) != manifest["tree_sha256"]:
        yield f"{MANIFEST}: its digest of all files does not follow from theirs."


def _signed(folder: Path, manifest: dict[str, Any], trusted: str) -> tuple[str, list[str]]:
    """A sentence on who vouches for it, and what is wrong with that."""
    signer, path = manifest["signed_by"], folder / SIGNATURE
    if not signer:
        wrong = [f"{SIGNATURE}: there, but the manifest names nobody who signed."] if path.exists() else []
        wrong += ["Unsigned, but a signature by --key is asked for."] if trusted else []
        return "Unsigned: whole, but nobody vouches for it.", wrong
    try:
        entry = json.loads(path.read_bytes())
        valid = entry["public_key"] == signer and entry["algorithm"] == "ed25519"
        valid = valid and _signature.is_valid(signer, entry["signature"], (folder / MANIFEST).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        return "The signature is not valid.", [f"{SIGNATURE}: missing, or not valid for this manifest."]
    if trusted and trusted != signer:
        return f"Signed by another key, {signer}.", [f"Signed by {signer}; --key is {trusted}."]
    whose = "the key that was asked for" if trusted else "whose key that is, --key can check"
    return f"Signed by {signer} ({whose}).", []


def _recomputed(folder: Path, manifest: dict[str, Any]) -> tuple[list[str], tuple[tuple[str, str, str], ...]]:
    evidence = from_json(Evidence, (folder / "evidence.json").read_text())
    decision = from_json(Decision, (folder / "decision.json").read_text())
    question = Question.from_json((folder / "gates.json").read_text())
    problems = []
    if "cells.parquet" in manifest["files"]:
        recorded = (folder / "findings.json").read_text()
        stored: Blob = from_json(Findings, recorded).cells
        findings = findings_from_cells(pq.read_table(folder / "cells.parquet"), stored)
        if to_json(findings) != recorded:
            problems.append("findings.json: does not follow from cells.parquet.")
        evidence = replace(evidence, findings=findings)
    again = question.put_to(evidence)
    excused = set(manifest["suppressed"]["verdicts"])
    rows = []
    if len(again.gates) != len(decision.gates):
        problems.append("decision.json: answers other gates than gates.json asks.")
    for then, now in zip(decision.gates, again.gates, strict=False):
        rows.append((then.title, then.verdict, now.verdict))
        if then.verdict != now.verdict and then.title not in excused:
            problems.append(f"{then.title}: recorded as {then.verdict}, but the evidence says {now.verdict}.")
    if decision.outcome != again.outcome and not excused:
        problems.append(f"The outcome is recorded as {decision.outcome}, but the gates say {again.outcome}.")
    return problems, tuple(rows)

"""Evidence as files that an auditor can check with neither data nor model, and a manifest that seals them.

    cells.parquet     counts, those under five suppressed
    findings.json     what follows from these cells
    evidence.json     what else the gates looked at
    gates.json        what they were asked, and what was waived
    decision.json     what they answered
    reason-codes.parquet  the reasons of adverse decisions, by row, where the spec asks for them
    model-card.md, ...  what people read about the model
    manifest.json     what it is about, how often this fold was looked at, the digest of every file and of all together
    signature.json    who vouches for the manifest, where somebody does

The manifest is canonical JSON and holds the digest of itself, so that no byte of it can change unseen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from assay import gates
from assay.artifacts import Blob, Bundle, Decision, Evidence, Scope, Share, from_json, sha256_of, to_json
from assay.audit import _signature
from assay.audit._export import LEAST, suppressed
from assay.audit._findings import findings_from_cells
from assay.errors import AssayError
from assay.spec.evidence import GateSpec
from assay.spec.waivers import WaiverSpec
from assay.store import Store

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "signature.json"


@dataclass(frozen=True)
class Question:
    """What was asked of the evidence, with what was to be overlooked, and by which day."""

    gates: tuple[GateSpec, ...]
    promote_inconclusive: bool
    waivers: tuple[WaiverSpec, ...]
    scope: Scope

    def put_to(self, evidence: Evidence) -> Decision:
        """What the gates answer."""
        return gates.decide(evidence, self.gates, self.promote_inconclusive, self.waivers, self.scope)

    def as_json(self) -> str:
        """The question as JSON."""
        plain = {
            "gates": [gate.model_dump(mode="json") for gate in self.gates],
            "promote_inconclusive": self.promote_inconclusive,
            "waivers": [waiver.model_dump(mode="json") for waiver in self.waivers],
            "scope": self.scope,
        }
        return to_json(plain)

    @classmethod
    def from_json(cls, text: str) -> Question:
        """The question that `as_json` wrote."""
        data = json.loads(text)
        return cls(
            gates=tuple(GateSpec.model_validate(gate) for gate in data["gates"]),
            promote_inconclusive=data["promote_inconclusive"],
            waivers=tuple(WaiverSpec.model_validate_json(json.dumps(waiver)) for waiver in data["waivers"]),
            scope=from_json(Scope, json.dumps(data["scope"])),
        )


def bundle(
    evidence: Evidence,
    question: Question,
    decision: Decision,
    subject: tuple[tuple[str, str], ...],
    look: int,
    signer: str,
    documents: tuple[Blob, ...],
    store: Store,
) -> Bundle:
    """See `assay.audit.bundle`."""
    exported, cells, n_suppressed = _exported(evidence, store)
    texts = {
        "evidence.json": to_json(replace(exported, findings=None)),
        "findings.json": to_json(exported.findings),
        "gates.json": question.as_json(),
        "decision.json": to_json(decision),
    }
    files = {name: store.put(text.encode(), name) for name, text in texts.items()} | cells
    files |= {blob.name: blob for blob in documents}
    again = question.put_to(exported)
    changed = [a.title for a, b in zip(decision.gates, again.gates, strict=True) if a.verdict != b.verdict]
    manifest = {
        "format": FORMAT,
        "subject": dict(subject),
        "look": look,
        "suppressed": {"below": LEAST, "n_cells": n_suppressed, "verdicts": changed},
        "files": {name: {"sha256": blob.sha256, "n_bytes": blob.n_bytes} for name, blob in sorted(files.items())},
        "tree_sha256": tree_sha256({name: blob.sha256 for name, blob in files.items()}),
        "signed_by": signer,
    }
    sealed_text = sealed(manifest)
    signed = [] if not signer else [store.put(_signature_text(sealed_text, signer).encode(), SIGNATURE)]
    return Bundle(
        files=(*files.values(), *signed), manifest=store.put(sealed_text.encode(), MANIFEST), signed_by=signer
    )


def sealed(manifest: dict[str, Any]) -> str:
    """The manifest as canonical JSON that holds the digest of the rest of it."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    return to_json(rest | {"sha256": sha256_of(to_json(rest))})


def tree_sha256(digests: dict[str, str]) -> str:
    """One digest over all files: their names and digests, in the order of names."""
    return sha256_of(*(part for name in sorted(digests) for part in (name, digests[name])))


def _exported(evidence: Evidence, store: Store) -> tuple[Evidence, dict[str, Blob], int]:
    """The evidence as others may see it: findings that follow from the suppressed cells, and no small shares."""
    if evidence.multiplicity is not None:
        shares = _large(evidence.multiplicity.shares)
        evidence = replace(evidence, multiplicity=replace(evidence.multiplicity, shares=shares))
    if evidence.coverage is not None:
        sets = evidence.coverage
        sets = replace(sets, marginal=_large(sets.marginal), conditional=_large(sets.conditional))
        evidence = replace(evidence, coverage=sets)
    evidence, files = _without_people(evidence)
    if evidence.findings is None:
        return evidence, files, 0
    cells, n_suppressed = suppressed(store.table(evidence.findings.cells))
    stored = store.put_table(cells, "cells.parquet")
    evidence = replace(evidence, findings=findings_from_cells(cells, stored))
    return evidence, files | {"cells.parquet": stored}, n_suppressed


def _without_people(evidence: Evidence) -> tuple[Evidence, dict[str, Blob]]:
    """Reasons as codes by row, without the values that stand there: who may see the data finds them."""
    files = {}
    explained, stability, flips = evidence.explained, evidence.stability, evidence.flips
    if explained is not None and explained.reasons is not None:
        files["reason-codes.parquet"] = explained.reasons.table
        explained = replace(explained, reasons=replace(explained.reasons, examples=()))
    if explained is not None and explained.changes is not None:
        explained = replace(explained, changes=replace(explained.changes, examples=()))
    if stability is not None:
        stability = replace(stability, agreement=tuple(one for one in stability.agreement if one[2] >= LEAST))
    if flips is not None:
        flips = replace(flips, shares=_large(flips.shares))
    return replace(evidence, explained=explained, stability=stability, flips=flips), files


def _large(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Those of which neither a part nor the rest counts one to four people."""
    return tuple(one for one in shares if all(n == 0 or n >= LEAST for n in (one.k, one.n - one.k)) and one.n >= LEAST)


def _signature_text(manifest: str, signer: str) -> str:
    if _signature.signer() != signer:
        raise AssayError(f"{_signature.VARIABLE} changed while the evidence was put together. Run the command again.")
    return json.dumps({"algorithm": "ed25519", "public_key": signer, "signature": _signature.sign(manifest.encode())})

"""Evidence: whole, sealed, signed by whoever holds the key; a verdict that was tampered with is found."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay import audit, gates
from assay.artifacts import (
    Blob,
    Bundle,
    Decision,
    Evaluation,
    Evidence,
    Interval,
    Multiplicity,
    Scope,
    Share,
    sha256_of,
    to_json,
)
from assay.audit._bundle import sealed, tree_sha256
from assay.errors import AssayError
from assay.spec.evidence import AuditSpec, GateSpec
from assay.store import Store, digest_of
from tests.audit.example import binary, numbers, people, predictions, snapshot

N_ROWS = 3000
SPEC = AuditSpec(sensitive=("sex", "race"), crossings=(("sex", "race"),))
ASKED = tuple(
    GateSpec.model_validate({"gate": "max_disparity", "sensitive": sensitive, "metric": metric, "tolerance": tolerance})
    for sensitive, metric, tolerance in (
        ("sex", "selection_rate", 0.2),
        ("race", "true_positive_rate", 0.001),
        (("sex", "race"), "calibration_error", 0.3),
    )
)
FILES = ("cells.parquet", "findings.json", "evidence.json", "gates.json", "decision.json", "manifest.json")


def evidence_of(store: Store, drawn: Any = None) -> Evidence:
    ours = predictions(store, *(drawn or binary(N_ROWS)))
    found = audit.audit(ours, snapshot(store, people(N_ROWS)), SPEC, store=store)
    nothing = Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=N_ROWS)
    return Evidence(evaluation=nothing, findings=found, comparisons=(), champion_version=0)


def made(
    store: Store, evidence: Evidence, folder: Path, asked: tuple[GateSpec, ...] = ASKED
) -> tuple[Bundle, Decision]:
    """The bundle as the chain makes it, written to `folder`."""
    decision = gates.decide(evidence, asked, False)
    subject = (("name", "test"), ("model", "0" * 64))
    bundle = audit.bundle(evidence, asked, False, (), Scope(), decision, subject, 3, audit.signer(), store=store)
    folder.mkdir()
    for blob in (bundle.manifest, *bundle.files):
        shutil.copyfile(store.path(blob), folder / blob.name)
    return bundle, decision


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    made(store, evidence_of(store), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ed25519PrivateKey:
    """A signing key in the environment."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(tmp_path / "key.pem"))
    return key


def resealed(folder: Path) -> None:
    """What somebody does who changes a file and puts the manifest right."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, entry in manifest["files"].items():
        entry |= {"sha256": digest_of(folder / name), "n_bytes": (folder / name).stat().st_size}
    manifest["tree_sha256"] = tree_sha256({name: entry["sha256"] for name, entry in manifest["files"].items()})
    (folder / "manifest.json").write_text(sealed(manifest))


def test_every_verdict_is_recomputed_from_the_cells_alone(folder: Path) -> None:
    verified = audit.verify(folder)
    assert verified.problems == ()
    assert len(verified.recomputed) == len(ASKED)
    assert all(then == now for _, then, now in verified.recomputed)
    assert {then for _, then, _ in verified.recomputed} >= {"PASS", "INCONCLUSIVE"}
    assert verified.manifest["look"] == 3
    assert verified.signature.startswith("Unsigned")


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_anywhere_fails(name: str, at: float, folder: Path) -> None:
    data = bytearray((folder / name).read_bytes())
    data[int(at * len(data))] ^= 1
    (folder / name).write_bytes(data)
    if name == "manifest.json":
        with pytest.raises(AssayError, match="was changed"):
            audit.verify(folder)
    else:
        assert any(name in problem for problem in audit.verify(folder).problems)


def test_a_file_that_is_missing_or_does_not_belong_fails(folder: Path) -> None:
    (folder / "note.txt").write_text("trust me")
    assert audit.verify(folder).problems == ("note.txt: not in the manifest.",)
    (folder / "note.txt").unlink()
    (folder / "gates.json").unlink()
    assert audit.verify(folder).problems == ("gates.json: missing.",)
    with pytest.raises(AssayError, match=r"holds no manifest\.json"):
        audit.verify(folder.parent)


def test_a_verdict_that_does_not_follow_is_found_even_under_a_new_seal(folder: Path) -> None:
    path = folder / "decision.json"
    path.write_text(path.read_text().replace('"FAIL"', '"PASS"').replace('"INCONCLUSIVE"', '"PASS"'))
    resealed(folder)
    assert any("recorded as PASS, but the evidence says" in problem for problem in audit.verify(folder).problems)


def test_cells_that_were_made_up_are_found_even_under_a_new_seal(folder: Path) -> None:
    cells = pq.read_table(folder / "cells.parquet")
    at = cells.column_names.index("n")
    more = [n + (1000 if i == 0 else 0) for i, n in enumerate(cells["n"].to_pylist())]
    pq.write_table(cells.set_column(at, cells.field("n"), pa.array(more, pa.int64())), folder / "cells.parquet")
    resealed(folder)
    assert "findings.json: does not follow from cells.parquet." in audit.verify(folder).problems


def test_whoever_holds_the_key_signs_and_nobody_else_can(key: Ed25519PrivateKey, store: Store, tmp_path: Path) -> None:
    folder, public = tmp_path / "signed", key.public_key().public_bytes_raw().hex()
    bundle, _ = made(store, evidence_of(store), folder)
    assert bundle.signed_by == public
    verified = audit.verify(folder, public)
    assert verified.problems == ()
    assert verified.signature.startswith(f"Signed by {public}")
    signature = bytes.fromhex(json.loads((folder / "signature.json").read_text())["signature"])
    key.public_key().verify(signature, (folder / "manifest.json").read_bytes())
    resealed(folder)  # changes nothing
    assert audit.verify(folder, public).problems == ()
    path = folder / "decision.json"
    path.write_text(path.read_text().replace("PASS", "FAIL"))
    resealed(folder)
    assert any("signature.json" in problem for problem in audit.verify(folder).problems)


def test_another_key_than_the_one_that_is_trusted_fails(key: Ed25519PrivateKey, store: Store, tmp_path: Path) -> None:
    made(store, evidence_of(store), tmp_path / "signed")
    other = Ed25519PrivateKey.generate().public_key()
    pem = tmp_path / "other.pem"
    pem.write_bytes(other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    assert "--key is" in audit.verify(tmp_path / "signed", str(pem)).problems[0]
    (tmp_path / "signed/signature.json").unlink()
    assert "signature.json" in audit.verify(tmp_path / "signed").problems[0]


def test_unsigned_evidence_does_not_satisfy_a_key(folder: Path) -> None:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    assert audit.verify(folder, public).problems == ("Unsigned, but a signature by --key is asked for.",)


def test_a_key_that_cannot_be_used_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(tmp_path / "key.pem"))
    with pytest.raises(AssayError, match="holds no private key that can be read") as caught:
        audit.signer()
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("ASSAY_SIGNING_KEY", "")
    assert audit.signer() == ""


def test_no_cell_that_leaves_the_house_counts_fewer_than_five(folder: Path, store: Store) -> None:
    from assay.audit._export import suppressed

    cells = store.table(evidence_of(store).findings.cells)  # type: ignore[union-attr]
    kept, n_gone = suppressed(cells)
    assert min(cells["n"].to_pylist()) < 5 <= min(kept["n"].to_pylist())
    assert min(pq.read_table(folder / "cells.parquet")["n"].to_pylist()) >= 5

    def coarse(table: Any) -> Counter[tuple[str, ...]]:
        keys = zip(*(table[name].to_pylist() for name in ("sensitive", "group", "y", "y_hat")), strict=True)
        counts: Counter[tuple[str, ...]] = Counter()
        for one, n in zip(keys, table["n"].to_pylist(), strict=True):
            counts[one] += n
        return counts

    before, after = coarse(cells), coarse(kept)
    assert n_gone >= sum(n < 5 for n in before.values()) > 0
    assert all(after[each] == (n if n >= 5 else 0) for each, n in before.items())  # rates stay exact


def test_a_verdict_that_rests_on_suppressed_cells_is_named(store: Store, tmp_path: Path) -> None:
    evidence = evidence_of(store)
    assert evidence.findings is not None
    loud = GateSpec.model_validate(
        {"gate": "max_disparity", "sensitive": ["sex", "race"], "metric": "true_positive_rate", "tolerance": 0.9}
    )
    decision = gates.decide(evidence, (loud,), False)
    forced = replace(decision, gates=(replace(decision.gates[0], verdict="FAIL"),), outcome="refuse")
    bundle = audit.bundle(evidence, (loud,), False, (), Scope(), forced, (("name", "x"),), 1, "", store=store)
    manifest = json.loads(store.read(bundle.manifest))
    assert manifest["suppressed"]["verdicts"] == [forced.gates[0].title]


def test_numbers_and_runs_without_an_audit_have_evidence_too(store: Store, tmp_path: Path) -> None:
    asked = (
        GateSpec.model_validate({"gate": "max_disparity", "sensitive": "sex", "metric": "mean_error", "tolerance": 90}),
    )
    made(store, evidence_of(store, numbers(N_ROWS)), tmp_path / "numbers", asked)
    assert audit.verify(tmp_path / "numbers").problems == ()
    bare = replace(evidence_of(store), findings=None)
    made(store, bare, tmp_path / "bare")
    verified = audit.verify(tmp_path / "bare")
    assert verified.problems == ()
    assert {now for _, _, now in verified.recomputed} == {"ERROR"}


def test_the_manifest_seals_itself() -> None:
    manifest = {"format": 1, "files": {}, "b": 2}
    text = sealed(manifest)
    rest = {name: value for name, value in json.loads(text).items() if name != "sha256"}
    assert json.loads(text)["sha256"] == sha256_of(to_json(rest))
    assert sealed(json.loads(text)) == text


def test_findings_of_the_bundle_point_to_its_own_cells(folder: Path) -> None:
    findings = json.loads((folder / "findings.json").read_text())
    assert Blob(**findings["cells"]).sha256 == digest_of(folder / "cells.parquet")


def test_shares_of_few_people_stay_at_home(store: Store, tmp_path: Path) -> None:
    def share(k: int, n: int) -> Share:
        return Share(sensitive="sex", group="F", what="", k=k, n=n, interval=Interval(value=k / n, low=0, high=1))

    found = Multiplicity(n_models=2, shares=(share(3, 90), share(88, 90), share(0, 90), share(40, 90), share(3, 3)))
    made(store, replace(evidence_of(store), multiplicity=found), tmp_path / "bundle")
    kept = json.loads((tmp_path / "bundle/evidence.json").read_text())["multiplicity"]["shares"]
    assert [(one["k"], one["n"]) for one in kept] == [(0, 90), (40, 90)]

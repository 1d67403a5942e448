"""A model as a folder of files, and a manifest with the digest of each.

MLmodel, requirements.txt, python_env.yaml, input_example.json      what MLflow and its tools want to see
model.json, calibration.json                                        the hand-offs
contract.json                                                       what the spec expects of the data
reference.json, rules.json, reference_sample.parquet                what later rows are compared with, and how
weights.safetensors, preprocessing/*, train_hashes.npy              the bytes that they point to
manifest.json                                                       {path: digest, size, name in the store}
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assay.artifacts import Blob, Calibration, Model, Reference, from_json, sha256_of, to_json
from assay.errors import RegistryError
from assay.spec.data import ValidationSpec
from assay.spec.monitoring import Rules
from assay.spec.words import Words
from assay.store import Store, digest_of

MANIFEST = "manifest.json"
_URI = re.compile(r"objects/[0-9a-f]{2}/[0-9a-f]{64}(\.\w+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a bundle holds for us; the other files are for MLflow. Bundles of before have no `reference`."""

    model: Model
    calibration: Calibration
    train_hashes: Blob
    contract: ValidationSpec
    reference: Reference | None = None
    rules: Rules = field(default_factory=Rules)

    @property
    def sha256(self) -> str:
        """The digest of all that an answer depends on."""
        return sha256_of(self.model.sha256, to_json(self.calibration), written(self.contract))


def pack(folder: Path, contents: Contents, texts: Mapping[str, str], store: Store) -> Blob:
    """Write the bundle to `folder`, with `texts` beside our own files. Returns its manifest, now in the store."""
    own = {
        "model.json": to_json(contents.model),
        "calibration.json": to_json(contents.calibration),
        "contract.json": written(contents.contract),
        "rules.json": written(contents.rules),
    }
    if contents.reference is not None:
        own["reference.json"] = to_json(contents.reference)
    files = {name: store.put(text.encode(), name) for name, text in {**texts, **own}.items()}
    files |= {"train_hashes.npy": contents.train_hashes, **_blobs(contents.model, contents.reference)}
    manifest = store.put(to_json(files).encode(), MANIFEST)
    for name, blob in {**files, MANIFEST: manifest}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.path(blob), path)
    return manifest


def unpack(folder: Path, store: Store) -> Contents:
    """Check every file in `folder` against its manifest and put it into the store. Raises RegistryError."""
    path = folder / MANIFEST
    if not path.is_file():
        raise RegistryError(f"The model in {folder} has no {MANIFEST}: it was not registered by assay.")
    files = _files(path.read_bytes())
    for name, blob in files.items():
        _check(folder / name, blob)
        if store.put_file(folder / name, blob.name) != blob:
            raise RegistryError(f"The manifest of the model in {folder} misnames {name!r}.")
    return _contents(files, store)


def held(manifest: Blob, store: Store) -> Contents | None:
    """The bundle with this manifest, from the store alone; None when some of its bytes are not there."""
    if not store.holds(manifest):
        return None
    files = _files(store.read(manifest))
    return _contents(files, store) if all(store.holds(blob) for blob in files.values()) else None


def _check(path: Path, blob: Blob) -> None:
    found = digest_of(path) if path.is_file() else "no such file"
    if found != blob.sha256:
        raise RegistryError(
            f"{path}: sha256 {found}, but {blob.sha256} was registered. The file was changed after the model was "
            "judged; move the alias to another version, or train and register the model again."
        )


def _files(manifest: bytes) -> dict[str, Blob]:
    """The files that a manifest lists. What it says came from outside: no name may lead out of its folder."""
    try:
        files = {name: Blob(**entry) for name, entry in json.loads(manifest).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise RegistryError(f"The {MANIFEST} of the registered model cannot be read: {error}") from error
    for name, blob in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts or not _URI.fullmatch(blob.uri):
            raise RegistryError(f"The {MANIFEST} of the registered model names a file outside of it: {name!r}.")
    return files


def _contents(files: Mapping[str, Blob], store: Store) -> Contents:
    try:
        model = from_json(Model, store.read(files["model.json"]).decode())
        calibration = from_json(Calibration, store.read(files["calibration.json"]).decode())
        contract = ValidationSpec.model_validate_json(store.read(files["contract.json"]))
        train_hashes = files["train_hashes.npy"]
        told = files.get("reference.json")
        reference = from_json(Reference, store.read(told).decode()) if told is not None else None
        rules = Rules.model_validate_json(store.read(files["rules.json"])) if "rules.json" in files else Rules()
        whole = all(files[name] == blob for name, blob in _blobs(model, reference).items())
    except (KeyError, ValueError, TypeError) as error:
        raise RegistryError(f"The registered model cannot be read: {error!r}") from error
    if not whole:
        raise RegistryError("The registered model points to files that are not its own.")
    return Contents(
        model=model,
        calibration=calibration,
        train_hashes=train_hashes,
        contract=contract,
        reference=reference,
        rules=rules,
    )


def written(words: Words) -> str:
    """Words of the spec as canonical JSON."""
    return to_json(words.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _blobs(model: Model, reference: Reference | None) -> dict[str, Blob]:
    """The bytes that a model and its reference consist of, by their names in the bundle."""
    prepared = model.preprocessing
    blobs = {
        "weights": model.weights,
        "preprocessing/state": prepared.state,
        "preprocessing/arrays": prepared.arrays,
        "preprocessing/knots": prepared.knots,
    }
    if reference is not None and reference.sample is not None:
        blobs["reference_sample"] = reference.sample
    return {f"{name}{Path(blob.uri).suffix}": blob for name, blob in blobs.items()}

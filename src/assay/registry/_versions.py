"""Model versions and the alias, in MLflow."""

from __future__ import annotations

import getpass
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion

from assay.artifacts import (
    Blob,
    Calibration,
    Champion,
    Decision,
    MetricValue,
    Model,
    Reference,
    Registered,
    from_json,
    to_json,
)
from assay.errors import RegistryError, TrackingError
from assay.ledger import Ledger
from assay.registry import _bundle, _decisions, _mlmodel
from assay.registry._connection import connect, reaching
from assay.registry._promotions import PREVIOUS, PromotionLedger, Wish
from assay.registry._summary import summary
from assay.spec.data import ValidationSpec
from assay.spec.monitoring import Rules
from assay.store import Store, digest_of

IDENTITY, MODEL, MANIFEST = "assay.sha256", "assay.model_sha256", "assay.manifest"
EVIDENCE, EVIDENCE_AT = "assay.evidence_sha256", "assay.evidence"
PROMOTED_BY = "assay.promoted_by"
MAX_DESCRIPTION, MAX_REASON = 5000, 1000
LOCK_WAIT_S = 60.0
NOTHING_IS_LOST = "Nothing is lost: the model is in the store, and the same command registers it once MLflow answers."


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is registered: a model, how its scores are read, which rows it has seen and takes, its metrics.

    `reference` and `rules` are what later rows are compared with.
    """

    model: Model
    calibration: Calibration
    train_hashes: Blob
    contract: ValidationSpec
    metrics: tuple[MetricValue, ...]
    reference: Reference | None = None
    rules: Rules = field(default_factory=Rules)

    @property
    def contents(self) -> _bundle.Contents:
        """What the bundle holds."""
        return _bundle.Contents(
            model=self.model,
            calibration=self.calibration,
            train_hashes=self.train_hashes,
            contract=self.contract,
            reference=self.reference,
            rules=self.rules,
        )

    @property
    def sha256(self) -> str:
        """The digest of all that an answer depends on."""
        return self.contents.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is registered; with `sign_off` a decision to promote is a proposal, which a person signs."""

    name: str
    alias: str
    uri: str
    home: Path
    sign_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What goes into the bundle for MLflow: one row of made-up input, and the module that loads it."""

    example: Mapping[str, object]
    loader: str


def register(
    candidate: Candidate,
    decision: Decision,
    place: Place,
    run_id: Callable[[], str],
    evidence: str,
    *,
    store: Store,
    files: Files,
) -> Registered:
    """Find or make the version, write the decision down, move the alias. Each step is safe to repeat."""
    name, alias = place.name, place.alias
    lock = Ledger(place.home).lock(f"registry-{name}", wait_s=LOCK_WAIT_S, doing=f"a registration of {name!r}")
    try:
        run = run_id()
    except TrackingError as error:
        raise RegistryError(f"{error} {NOTHING_IS_LOST}") from error
    with lock, reaching(place.uri, RegistryError, NOTHING_IS_LOST):
        client = connect(place.uri, place.home)
        version = _find(client, name, candidate.sha256) or _create(client, candidate, place, run, store, files)
        _lead_to(client, run, version, candidate.model.best_epoch)
        records = _write_down(client, version, decision, candidate.metrics, run)
        if evidence and version.tags.get(EVIDENCE) != evidence:
            client.set_model_version_tag(name, str(version.version), EVIDENCE, evidence)
            client.set_model_version_tag(name, str(version.version), EVIDENCE_AT, f"runs:/{run}/evidence")
        if decision.outcome == "promote" and version.tags.get(PROMOTED_BY) != records.head:
            _promote(client, version, decision, place, records, run, store)
        return Registered(
            name=name,
            version=int(version.version),
            model_sha256=candidate.model.sha256,
            alias=alias,
            holds_alias=aliases(client, name).get(alias) == int(version.version),
            uri=f"models:/{name}/{version.version}",
        )


def champion(name: str, alias: str, *, uri: str, home: Path, store: Store, excluding: str) -> Champion | None:
    """The model that a candidate is to be compared with, with its bytes in the store."""
    with reaching(uri, RegistryError):
        client = connect(uri, home)
        version = _incumbent(client, name, alias, excluding)
        if version is None:
            return None
        contents = fetch(client, version, uri, store)
    return Champion(
        name=name,
        version=int(version.version),
        model=contents.model,
        calibration=contents.calibration,
        train_hashes=contents.train_hashes,
    )


# ------------------------------------------------------------------------------------------------- the version


def _find(client: MlflowClient, name: str, sha256: str) -> ModelVersion | None:
    found = client.search_model_versions(f"name = '{name}' and tags.`{IDENTITY}` = '{sha256}'")
    return min(found, key=lambda version: int(version.version), default=None)


def _create(
    client: MlflowClient, candidate: Candidate, place: Place, run_id: str, store: Store, files: Files
) -> ModelVersion:
    """A version whose files are complete before anything can point to them."""
    model = candidate.model
    logged = _logged_model(client, candidate, place.name, run_id)
    with tempfile.TemporaryDirectory() as folder:
        texts = _mlmodel.texts(
            model,
            candidate.contents.calibration,
            model_id=logged.model_id,
            location=logged.artifact_location,
            run_id=run_id,
            example=files.example,
            loader=files.loader,
        )
        manifest = _bundle.pack(Path(folder), candidate.contents, texts, store)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    if not client.search_registered_models(filter_string=f"name = '{place.name}'"):
        text = f"Every model that `assay` has judged under this name. `{place.alias}` is the one that was promoted."
        client.create_registered_model(place.name, description=text)
    version = client.create_model_version(
        place.name,
        # Not `models:/ID`: a client of a database would look that up wherever MLflow's global address points to.
        logged.artifact_location,
        run_id=run_id,
        model_id=logged.model_id,
        tags={
            IDENTITY: candidate.sha256,
            MODEL: model.sha256,
            MANIFEST: to_json(manifest),
            "assay.family": model.family,
            "assay.model_id": logged.model_id,
        },
    )
    # By this tag MLflow's pages lead from the run's model to the registered version.
    link = json.dumps([{"name": place.name, "version": int(version.version)}])
    client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
    return version


def _lead_to(client: MlflowClient, run_id: str, version: ModelVersion, step: int) -> None:
    """Let the run's page lead to the model, also where an earlier run had made the same one."""
    model_id = version.tags["assay.model_id"]
    if model_id not in {output.model_id for output in client.get_run(run_id).outputs.model_outputs}:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step=step)])


def _logged_model(client: MlflowClient, candidate: Candidate, name: str, run_id: str) -> Any:
    """MLflow's entry for the files: a new one, or the one that a killed attempt of the same run has left."""
    model = candidate.model
    experiment = client.get_run(run_id).info.experiment_id
    found = client.search_logged_models([experiment], filter_string=f"tags.`{IDENTITY}` = '{candidate.sha256}'")
    for logged in found:
        if logged.source_run_id == run_id:
            return logged
    return client.create_logged_model(
        experiment,
        name=name,
        source_run_id=run_id,
        model_type=model.family,
        tags={IDENTITY: candidate.sha256, MODEL: model.sha256},
        params={
            "family": model.family,
            "options": model.options,
            "n_parameters": str(model.n_parameters),
            "best_epoch": str(model.best_epoch),
            "stopped": model.stopped,
        },
    )


# ------------------------------------------------------------------------------------- decisions and the alias


def _write_down(
    client: MlflowClient, version: ModelVersion, decision: Decision, metrics: tuple[MetricValue, ...], run_id: str
) -> _decisions.Records:
    """Add the decision to the version's records. MLflow's page of the version shows the latest."""
    name, number = version.name, str(version.version)
    before = _decisions.read(version.tags, f"{name} version {number}")
    records = before.appended(decision, run_id, from_json(Blob, version.tags[MANIFEST]).sha256)
    if records is not before:
        client.set_model_version_tag(name, number, *records.tag())
    if records is not before or version.tags.get("assay.outcome") != decision.outcome:
        client.set_model_version_tag(name, number, "assay.outcome", decision.outcome)
        run = f"#/experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id}"
        review = f"**[Open the review page]({run}/artifacts/review.html?workflowType=machine_learning)**"
        client.update_model_version(name, number, f"{review}\n\n{summary(decision, metrics)}"[:MAX_DESCRIPTION])
    return records


def _promote(
    client: MlflowClient,
    version: ModelVersion,
    decision: Decision,
    place: Place,
    records: _decisions.Records,
    run_id: str,
    store: Store,
) -> None:
    """Give the alias to `version`, unless somebody else has taken it since the decision was made."""
    name, alias, number = place.name, place.alias, int(version.version)
    ledger = PromotionLedger(client, name, place.home)
    chain = ledger.read()
    holder = ledger.settle(chain, alias, aliases(client, name).get(alias, 0))
    last = chain.last(alias)
    is_recorded = holder == number and last is not None and last.version == number
    if not is_recorded and not chain.told(alias, records.head, number):
        if holder != number:
            _still_against(client, version, decision, alias)
        wish = Wish(
            action="propose" if place.sign_off else "promote",
            alias=alias,
            version=number,
            by=whoami(),
            reason=decision.reason[:MAX_REASON],
            evidence=records.head,
            outcome=decision.outcome,
            bundle=verified(client, version, place.uri, store),
            run_id=run_id,
            audit=client.get_model_version(name, str(number)).tags.get(EVIDENCE, ""),
        )
        ledger.settle(ledger.append(chain, wish, holder), alias, holder)
    client.set_model_version_tag(name, str(number), PROMOTED_BY, records.head)


def _still_against(client: MlflowClient, version: ModelVersion, decision: Decision, alias: str) -> None:
    """Raise RegistryError when `version` was not compared with the one that holds the alias now."""
    incumbent = _incumbent(client, version.name, alias, version.tags[MODEL])
    holder = int(incumbent.version) if incumbent is not None else 0
    if holder != decision.champion_version:
        against = f"version {decision.champion_version}" if decision.champion_version else "no champion"
        raise RegistryError(
            f"{version.name}: version {version.version} was promoted against {against}, but the alias {alias!r} is now "
            f"held by version {holder}. Run the same command again, so that the two are compared."
        )


def whoami() -> str:
    """Who is at work: the user whom MLflow knows, else the one of this machine. A claim, unless MLflow checks it."""
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()


def _incumbent(client: MlflowClient, name: str, alias: str, excluding: str) -> ModelVersion | None:
    """The version that holds the alias; where its model is `excluding`, the one that it was promoted over."""
    number = aliases(client, name).get(alias)
    if number is None:
        return None
    version = client.get_model_version(name, str(number))
    if version.tags.get(MODEL) != excluding:
        return version
    previous = int(version.tags.get(PREVIOUS, "0"))
    return client.get_model_version(name, str(previous)) if previous else None


def aliases(client: MlflowClient, name: str) -> dict[str, int]:
    """Which version each alias of a registered model points to."""
    found = client.search_registered_models(filter_string=f"name = '{name}'")
    return {alias: int(number) for model in found for alias, number in model.aliases.items()}


# --------------------------------------------------------------------------------------------------- its files


def fetch(client: MlflowClient, version: ModelVersion, uri: str, store: Store) -> _bundle.Contents:
    """The files of a version: from the store where all are there, else downloaded and checked."""
    manifest, _ = judged(version)
    contents = _bundle.held(manifest, store) or _download(client, version, uri, manifest, store)
    if contents.model.sha256 != version.tags[MODEL]:
        raise RegistryError(f"{_where(version)}: its files hold another model than the one that was registered.")
    return contents


def verified(client: MlflowClient, version: ModelVersion, uri: str, store: Store) -> str:
    """Check the files of a version where MLflow keeps them. Returns the digest of their manifest.

    Raises RegistryError when a byte differs from what was judged.
    """
    manifest, _ = judged(version)
    contents = _download(client, version, uri, manifest, store)
    if contents.sha256 != version.tags[IDENTITY]:
        raise RegistryError(f"{_where(version)}: its files hold another model than the one that was registered.")
    return manifest.sha256


def judged(version: ModelVersion) -> tuple[Blob, _decisions.Records]:
    """The manifest of the files that were judged, and what was decided on them."""
    if MANIFEST not in version.tags:
        raise RegistryError(
            f"{_where(version)} was not registered by assay, so nothing can be compared with it. Move the alias."
        )
    records = _decisions.read(version.tags, _where(version))
    manifest = from_json(Blob, version.tags[MANIFEST])
    if records.bundles - {manifest.sha256}:
        raise RegistryError(f"{_where(version)}: the model was changed after it was judged. Train and judge it again.")
    return manifest, records


def _download(client: MlflowClient, version: ModelVersion, uri: str, manifest: Blob, store: Store) -> _bundle.Contents:
    with tempfile.TemporaryDirectory() as folder:
        source = client.get_model_version_download_uri(version.name, str(version.version))
        mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=folder, tracking_uri=uri)
        path = next(Path(folder).rglob(_bundle.MANIFEST), Path(folder) / _bundle.MANIFEST)
        if not path.is_file() or digest_of(path) != manifest.sha256:
            raise RegistryError(
                f"{_where(version)}: its manifest is missing or differs from the one that was registered."
            )
        return _bundle.unpack(path.parent, store)


def _where(version: ModelVersion) -> str:
    return f"{version.name} version {version.version}"

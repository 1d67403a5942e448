"""The model registry: every model that was judged, and which of them holds the alias.

The registry is MLflow's, and it is the one place that acts on a decision. A model is registered whatever was decided,
so that a refused one can be studied; the alias moves on a decision to promote, or because a person says so, and each
move is a record of the promotion ledger.

Why a version is *identified by content* (model and calibration): a retry, a second run or an edited gate finds the
version that is there and adds to its decision records, instead of making another. Why the records are *chained*: tags
can be edited, and a record that was changed afterwards no longer agrees with the digest that its successor holds. Why
a promotion names *whom it beat*: MLflow's alias has no compare-and-swap, so a decision that was made against another
champion than today's is refused here, under a lock. Why MLmodel is written *by hand*: MLflow's own `log_model` loads
the model again and infers what it needs, which takes longer than training a small model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifacts import Blob, Calibration, Champion, Decision, MetricValue, Model, Reference, Registered
from assay.errors import AssayError
from assay.registry._record import Chain, Promotion
from assay.spec.data import ValidationSpec
from assay.spec.monitoring import Rules
from assay.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from assay.registry._moves import Mover

__all__ = [
    "LOADER", "Chain", "Promotion", "Version", "champion", "connect", "history", "load", "promote", "reaching",
    "register", "resolve", "rollback", "summary", "unpack", "without_passwords",
]  # fmt: skip

# Beside `inference`, which it calls: the registry writes down where the loader is, and never imports it.
LOADER = "assay.inference.pyfunc"


def connect(uri: str, home: Path) -> MlflowClient:
    """A client of the MLflow at `uri`, for runs and models alike; makes the schema of a new database, once.

    It fails fast: no hidden retries, and ten seconds for a request, unless the environment says otherwise. Raises
    whatever MLflow raises.
    """
    from assay.registry import _connection

    return _connection.connect(uri, home)


def reaching(uri: str, failure: type[AssayError]) -> AbstractContextManager[None]:
    """Within this block, whatever MLflow, its database or the network raise becomes one `failure` that says where."""
    from assay.registry import _connection

    return _connection.reaching(uri, failure)


def without_passwords(text: str) -> str:
    """`text` with the passwords of all addresses in it (`scheme://user:password@host`) struck out."""
    from assay.registry import _connection

    return _connection.without_passwords(text)


def summary(decision: Decision, metrics: tuple[MetricValue, ...]) -> str:
    """A decision as Markdown: outcome and reason, numbers with their intervals, and every gate."""
    from assay.registry import _summary

    return _summary.summary(decision, metrics)


def register(
    model: Model,
    calibration: Calibration,
    decision: Decision,
    name: str,
    alias: str,
    server: str = "",
    evidence: str = "",
    sign_off: bool = False,
    contract: ValidationSpec | None = None,
    *,
    train_hashes: Blob,
    metrics: tuple[MetricValue, ...] = (),
    reference: Reference | None = None,
    rules: Rules | None = None,
    run_id: Callable[[], str],
    uri: str,
    home: Path,
    store: Store,
    example: Mapping[str, object] | None = None,
    loader: str = LOADER,
) -> Registered:
    """Register a model with what was decided about it, and move the alias where it was promoted. Safe to repeat.

    `server` stands for the registry among the arguments that the result depends on; `uri` is its address today.
    `evidence` is the digest of the manifest of the evidence, which lies among the artifacts of the run. With `sign_off`
    a decision to promote is written down as a proposal, which `promote` by another person carries out. `contract` is
    what the spec expects of the data: what serves the model holds requests against it.

    `run_id` waits for the MLflow run that made the model; `train_hashes` are the content hashes of the rows that it was
    trained on; `reference` and `rules` are what later rows are compared with, and how; `example` is one row of input,
    made up, in place of the zeros and blanks that are written otherwise.

    Raises RegistryError when MLflow is out of reach, or when another model was promoted since the decision was made;
    LockedError when another process is busy with the same name for a minute.
    """
    from assay.registry import _connection

    _connection.configure()
    from assay.registry import _versions

    return _versions.register(
        _versions.Candidate(
            model=model,
            calibration=calibration,
            train_hashes=train_hashes,
            contract=contract or ValidationSpec(),
            metrics=metrics,
            reference=reference,
            rules=rules or Rules(),
        ),
        decision,
        _versions.Place(name=name, alias=alias, uri=uri, home=home, sign_off=sign_off),
        run_id,
        evidence,
        store=store,
        files=_versions.Files(example=example or {}, loader=loader),
    )


def champion(name: str, alias: str, *, uri: str, home: Path, store: Store, excluding: str = "") -> Champion | None:
    """The model that holds `alias`, every byte checked and in the store; None when no model does.

    When that is the model with the digest `excluding`, the champion that it was compared with, if any: so that a model
    that is judged again is not compared with itself. Raises RegistryError when MLflow is out of reach, or when the
    files are not those that were registered.
    """
    from assay.registry import _connection

    _connection.configure()
    from assay.registry import _versions

    return _versions.champion(name, alias, uri=uri, home=home, store=store, excluding=excluding)


def promote(
    name: str,
    version: int,
    alias: str,
    *,
    uri: str,
    home: Path,
    store: Store,
    by: str = "",
    reason: str = "",
    waiver: str = "",
    propose: bool = False,
) -> Promotion:
    """Give `alias` to a version by a person's word. Returns the record that says so; the same one when repeated.

    `by` is who says so (default: who MLflow or this machine knows). `waiver` is why a version is promoted that was not
    decided to be. `propose` moves nothing: a second person's `promote` of the same version does. Raises RegistryError
    when the files are not those that were judged, or the ledger was changed; LockedError when somebody else was faster.
    """
    return _mover(name, alias, by, uri, home, store).promote(version, reason, waiver, propose)


def rollback(name: str, alias: str, *, uri: str, home: Path, store: Store, by: str = "", reason: str = "") -> Promotion:
    """Give `alias` back to the version that held it before. Raises what `promote` raises."""
    return _mover(name, alias, by, uri, home, store).rollback(reason)


def history(name: str, *, uri: str, home: Path) -> tuple[Chain, dict[str, int]]:
    """The promotion ledger of `name`, and the version that each alias points to now, by whomever it was moved.

    Raises RegistryError when there is no such model, or a record was changed or deleted.
    """
    from assay.registry import _connection

    _connection.configure()
    from assay.registry import _moves

    return _moves.history(name, uri, home)


def _mover(name: str, alias: str, by: str, uri: str, home: Path, store: Store) -> Mover:
    from assay.registry import _connection

    _connection.configure()
    from assay.registry import _moves

    return _moves.Mover(name, alias, by, uri, home, store)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A model version as it is loaded: every byte checked, and in the store. `alias` is empty for one by number.

    `decision` is the last one that was made of it. `reference` is None for a version that was registered before there
    were any.
    """

    name: str
    number: int
    alias: str
    model: Model
    calibration: Calibration
    contract: ValidationSpec
    decision: Decision | None = None
    reference: Reference | None = None
    rules: Rules = field(default_factory=Rules)


def resolve(reference: str, *, uri: str, home: Path) -> int:
    """The number of the version that `NAME@ALIAS` or `NAME/NUMBER` means now. Asks MLflow once.

    Raises RegistryError when there is none, or when MLflow is out of reach.
    """
    from assay.registry import _connection

    _connection.configure()
    from assay.registry import _loading

    return _loading.resolve(reference, uri, home)


def load(reference: str, *, uri: str, home: Path, store: Store) -> Version:
    """The version that `reference` means now, with its bytes in `store`.

    An alias counts only as the promotion ledger has it. Raises RegistryError when there is no such version, when it was
    changed, when the ledger was, or when the alias was moved past it.
    """
    from assay.registry import _connection

    _connection.configure()
    from assay.registry import _loading

    return _loading.load(reference, uri, home, store)


def unpack(folder: Path, *, store: Store) -> tuple[Model, Calibration]:
    """The model in a bundle's folder, every file checked against the manifest, with its bytes now in `store`.

    Raises RegistryError when a file is missing or differs.
    """
    from assay.registry import _bundle

    contents = _bundle.unpack(folder, store)
    return contents.model, contents.calibration

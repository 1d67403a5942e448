"""Moving an alias by hand, and reading who held it when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from assay.errors import LockedError, RegistryError, examples
from assay.ledger import Ledger
from assay.registry import _versions
from assay.registry._connection import connect, reaching
from assay.registry._promotions import PromotionLedger, Wish
from assay.registry._record import Action, Chain, Promotion
from assay.store import Store


@dataclass(frozen=True, slots=True)
class _Now:
    """What a move starts from. `late` are the records that others have written since the command was given."""

    client: MlflowClient
    ledger: PromotionLedger
    chain: Chain
    holder: int
    late: tuple[Promotion, ...]

    def raise_if_late(self, name: str) -> None:
        """Raise LockedError when somebody else was faster."""
        if self.late:
            won = self.late[-1]
            raise LockedError(
                f"{name}: {won.by} was faster: {won.action} of version {won.version}, alias {won.alias!r}, record "
                f"{won.number}. Look, and run the same again."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """The digest of the last decision record, what it says, the digests of the files and of the evidence."""

    head: str
    outcome: str
    reason: str
    bundle: str
    audit: str


class Mover:
    """The registered model `name`, its alias, and who moves it."""

    def __init__(self, name: str, alias: str, by: str, uri: str, home: Path, store: Store) -> None:
        self._name, self._alias, self._by = name, alias, by or _versions.whoami()
        self._uri, self._home, self._store = uri, home, store

    def promote(self, version: int, reason: str, waiver: str, propose: bool) -> Promotion:
        """See `assay.registry.promote`."""
        with self._alone() as now:
            last = now.chain.last(self._alias)
            if now.holder == version and last is not None and last.version == version:
                return last  # a retry, or somebody else wanted the same
            now.raise_if_late(self._name)
            evidence = self._evidence(now, version)
            if evidence.outcome != "promote" and not waiver:
                raise RegistryError(
                    f"{self._name} version {version} was not decided to be promoted ({evidence.outcome}: "
                    f"{evidence.reason}). To promote it all the same, say why, for the record: --waive 'REASON'."
                )
            asked = now.chain.proposal(self._alias, version)
            if propose and asked is not None:
                return asked
            if asked is not None and asked.by == self._by:
                raise RegistryError(
                    f"{self._by} has proposed {self._name} version {version} (record {asked.number}). A second person "
                    "signs it, with the same command."
                )
            wish = self._wish("propose" if propose else "promote", version, reason, evidence)
            if asked is not None:
                wish = replace(wish, waiver=waiver or asked.waiver, proposed_by=asked.by)
            return self._write(now, replace(wish, waiver=waiver or wish.waiver))

    def rollback(self, reason: str) -> Promotion:
        """See `assay.registry.rollback`."""
        with self._alone() as now:
            now.raise_if_late(self._name)
            last = now.chain.last(self._alias)
            # An alias that was moved past the ledger goes back to where the ledger has it.
            astray = last is not None and last.version != now.holder
            back = last.version if last is not None and astray else now.chain.before(self._alias)
            if not back:
                raise RegistryError(
                    f"{self._name}: nothing held the alias {self._alias!r} before, so there is nothing to go back to. "
                    "`assay promote` gives it to another version."
                )
            return self._write(now, self._wish("rollback", back, reason, self._evidence(now, back)))

    @contextmanager
    def _alone(self) -> Iterator[_Now]:
        """The ledger under the registry's lock, and what was written since the command was given."""
        lock = Ledger(self._home).lock(f"registry-{self._name}", wait_s=_versions.LOCK_WAIT_S, doing="a promotion")
        with reaching(self._uri, RegistryError):
            client = connect(self._uri, self._home)
            ledger = PromotionLedger(client, self._name, self._home)
            n_seen = len(ledger.read().records)
            with lock:
                chain = ledger.read()
                holder = ledger.settle(chain, self._alias, _versions.aliases(client, self._name).get(self._alias, 0))
                yield _Now(client, ledger, chain, holder, chain.records[n_seen:])

    def _wish(self, action: Action, version: int, reason: str, evidence: _Evidence) -> Wish:
        return Wish(
            action=action,
            alias=self._alias,
            version=version,
            by=self._by,
            reason=reason,
            evidence=evidence.head,
            outcome=evidence.outcome,
            bundle=evidence.bundle,
            audit=evidence.audit,
        )

    def _write(self, now: _Now, wish: Wish) -> Promotion:
        chain = now.ledger.append(now.chain, wish, now.holder)
        now.ledger.settle(chain, self._alias, now.holder)
        return chain.records[-1]

    def _evidence(self, now: _Now, number: int) -> _Evidence:
        """What was decided on a version, whose files are checked now against those that were judged."""
        version = self._version(now.client, number)
        _, records = _versions.judged(version)
        bundle = _versions.verified(now.client, version, self._uri, self._store)
        if {record.bundle for record in now.chain.records if record.version == number} - {bundle}:
            raise RegistryError(f"{self._name} version {number}: its files are not those of its last promotion.")
        return _Evidence(
            head=records.head,
            outcome=records.outcome,
            reason=records.reason,
            bundle=bundle,
            audit=version.tags.get(_versions.EVIDENCE, ""),
        )

    def _version(self, client: MlflowClient, number: int) -> ModelVersion:
        found = client.search_model_versions(f"name = '{self._name}'")
        for version in found:
            if int(version.version) == number:
                return version
        there = sorted(int(version.version) for version in found)
        raise RegistryError(f"{self._name} has no version {number}. There are: {examples(there, 20) or 'none'}.")


def history(name: str, uri: str, home: Path) -> tuple[Chain, dict[str, int]]:
    """The ledger of `name`, and which version each alias points to now."""
    with reaching(uri, RegistryError):
        client = connect(uri, home)
        if not client.search_registered_models(filter_string=f"name = '{name}'"):
            raise RegistryError(f"There is no registered model {name!r}. `assay runs` lists what was trained.")
        return PromotionLedger(client, name, home).read(), _versions.aliases(client, name)

"""One record of the promotion ledger, and the chain that the records make. Standard library alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.artifacts import sha256_of, to_json

Action = Literal["promote", "rollback", "propose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Who or what moved an alias, when, from which version to which, and on which evidence.

    `version` 0 is no version. `evidence` is the digest of the version's last decision record, `outcome` what that
    decided, `bundle` the digest of the manifest of its files, `audit` that of the manifest of its evidence. `waiver` is
    why a version is promoted that was not decided to be; `proposed_by` asked first, where a second person signed. A
    `propose` moves nothing. `time` is in seconds since the epoch. `before` is the digest of the record before.
    """

    number: int
    action: Action
    alias: str
    version: int
    from_version: int
    by: str
    reason: str
    evidence: str
    outcome: str
    bundle: str
    time: float
    before: str
    run_id: str = ""
    audit: str = ""
    waiver: str = ""
    proposed_by: str = ""

    @property
    def sha256(self) -> str:
        """The digest that the next record holds."""
        return sha256_of(to_json(self))

    @property
    def moves(self) -> bool:
        """Whether the alias moves."""
        return self.action != "propose"


@dataclass(frozen=True, slots=True)
class Chain:
    """All records of one registered model, oldest first."""

    records: tuple[Promotion, ...] = ()

    @property
    def head(self) -> str:
        """The digest of the last record; empty when there is none."""
        return self.records[-1].sha256 if self.records else ""

    def moves(self, alias: str, until: float | None = None) -> tuple[Promotion, ...]:
        """The records that moved `alias`, up to a moment."""
        return tuple(
            record
            for record in self.records
            if record.moves and record.alias == alias and (until is None or record.time <= until)
        )

    def last(self, alias: str, until: float | None = None) -> Promotion | None:
        """The record that says who holds `alias`; None when nobody does."""
        moved = self.moves(alias, until)
        return moved[-1] if moved else None

    def before(self, alias: str) -> int:
        """The version that a rollback goes back to: a promotion adds one, a rollback takes one away. 0 for none."""
        held: list[int] = []
        for record in self.moves(alias):
            if record.action == "rollback" and record.version in held:
                del held[held.index(record.version) + 1 :]
            else:
                held.append(record.version)
        return held[-2] if len(held) > 1 else 0

    def proposal(self, alias: str, version: int) -> Promotion | None:
        """The open proposal to give `alias` to `version`; None when there is none, or when it was carried out."""
        of_alias = [record for record in self.records if record.alias == alias and record.version == version]
        return of_alias[-1] if of_alias and not of_alias[-1].moves else None

    def told(self, alias: str, evidence: str, version: int) -> bool:
        """Whether `version` was promoted or proposed on this very decision, so that a retry adds nothing."""
        return any(
            record.evidence == evidence and record.version == version and record.action != "rollback"
            for record in self.records
            if record.alias == alias
        )

"""A model version by name and alias or number, for whoever makes predictions with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mlflow import MlflowClient

from assay.artifacts import Decision, from_json
from assay.errors import RegistryError
from assay.registry import Version, _decisions, _versions
from assay.registry._connection import connect, reaching
from assay.registry._promotions import PromotionLedger
from assay.store import Store

_REFERENCE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:@(?P<alias>[a-z][a-z0-9_-]{0,49})|/(?P<number>\d{1,9}))"
)


def resolve(reference: str, uri: str, home: Path) -> int:
    """See `assay.registry.resolve`."""
    name, alias, number = _parsed(reference)
    if number:
        return number
    with reaching(uri, RegistryError):
        return _holder(connect(uri, home), name, alias)


def load(reference: str, uri: str, home: Path, store: Store) -> Version:
    """See `assay.registry.load`."""
    name, alias, number = _parsed(reference)
    with reaching(uri, RegistryError):
        client = connect(uri, home)
        if alias:
            number = _holder(client, name, alias)
            last = PromotionLedger(client, name, home).read().last(alias)
            if last is None or last.version != number:
                held = f"version {last.version}" if last is not None else "no version"
                raise RegistryError(
                    f"{name}: the alias {alias!r} points to version {number}, but by the promotion ledger {held} holds "
                    f"it. `assay promote {name} {number} --alias {alias}` makes it so, `rollback` ends it."
                )
        found = {int(each.version): each for each in client.search_model_versions(f"name = '{name}'")}
        if number not in found:
            raise RegistryError(f"{name} has no version {number}. There are: {sorted(found) or 'none'}.")
        contents = _versions.fetch(client, found[number], uri, store)
        last_decision = _decisions.read(found[number].tags, f"{name} version {number}").last
    return Version(
        name=name,
        number=number,
        alias=alias,
        model=contents.model,
        calibration=contents.calibration,
        contract=contents.contract,
        decision=None if last_decision is None else from_json(Decision, json.dumps(last_decision)),
        reference=contents.reference,
        rules=contents.rules,
    )


def _parsed(reference: str) -> tuple[str, str, int]:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise RegistryError(f"{reference!r} names no model. Allowed: NAME@ALIAS, like adult@champion, or NAME/VERSION.")
    return found["name"], found["alias"] or "", int(found["number"] or 0)


def _holder(client: MlflowClient, name: str, alias: str) -> int:
    aliases = _versions.aliases(client, name)
    if alias not in aliases:
        there = ", ".join(f"{known} (version {number})" for known, number in sorted(aliases.items())) or "none"
        raise RegistryError(f"{name} has no alias {alias!r}. There are: {there}. `assay promote` gives one.")
    return aliases[alias]

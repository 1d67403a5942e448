"""The decision records of a model version: tags, numbered, each holding the digest of the one before."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from assay.artifacts import Decision, as_data, sha256_of, to_json
from assay.errors import RegistryError

PREFIX = "assay.decision."


@dataclass(frozen=True, slots=True)
class Records:
    """The records on a version, oldest first, as they were written."""

    texts: tuple[str, ...]

    @property
    def head(self) -> str:
        """The digest of the last record; empty when there is none."""
        return sha256_of(self.texts[-1]) if self.texts else ""

    @property
    def last(self) -> object:
        """What was decided last, as JSON data; None when nothing was."""
        return json.loads(self.texts[-1])["decision"] if self.texts else None

    @property
    def outcome(self) -> str:
        """What was decided last: promote, refuse or inconclusive; empty when nothing was."""
        return str(json.loads(self.texts[-1])["decision"]["outcome"]) if self.texts else ""

    @property
    def reason(self) -> str:
        """Why; empty when nothing was decided."""
        return str(json.loads(self.texts[-1])["decision"]["reason"]) if self.texts else ""

    @property
    def bundles(self) -> set[str]:
        """The digests of the manifests that were judged: one, unless somebody changed the model."""
        return {json.loads(text)["bundle"] for text in self.texts}

    def appended(self, decision: Decision, run_id: str, bundle: str) -> Records:
        """These records and one more; the same ones when the last says just this, as it does in a retry.

        `bundle` is the digest of the manifest of the files that were judged.
        """
        if self.last == as_data(decision):
            return self
        record = {
            "decision": decision,
            "bundle": bundle,
            "run_id": run_id,
            "time": time.time(),
            "previous": self.head,
        }
        return Records((*self.texts, to_json(record)))

    def tag(self) -> tuple[str, str]:
        """The key and the value of the last record's tag."""
        return f"{PREFIX}{len(self.texts):04d}", self.texts[-1]


def read(tags: Mapping[str, str], where: str) -> Records:
    """The records in a version's tags. Raises RegistryError when one is missing or was changed."""
    texts = tuple(tags[key] for key in sorted(tags) if key.startswith(PREFIX))
    previous = ""
    for number, text in enumerate(texts, start=1):
        key = f"{PREFIX}{number:04d}"
        if tags.get(key) != text or json.loads(text)["previous"] != previous:
            raise RegistryError(f"{where}: its decision records no longer agree at {key}; one was changed or deleted.")
        previous = sha256_of(text)
    return Records(texts)

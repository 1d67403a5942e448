"""What can go wrong, as a tree of exceptions.

AssayError                   anything that assay itself reports; a message, never a traceback
├── SpecError                the YAML is wrong; nothing has run
├── DataError                the data cannot be read or used
│   ├── ValidationFailed     an expectation of the spec does not hold
│   └── DataAuditFailed      the audit of the data found what the spec says must not be trained on
├── TrainingError            training cannot go on
├── StoreError               bytes are missing or differ from their digest
├── LockedError              another process does the same work right now
├── TrackingError            MLflow cannot be reached or refuses
├── RegistryError            a model version cannot be registered or promoted
├── ServersError             the local servers cannot be started or stopped
└── Cancelled                a person asked for the end

Every message says where, what was found, what is allowed and what to write. Errors carry only strings, so that
each survives the way between processes.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

MAX_EXAMPLES = 5


class AssayError(Exception):
    """Base of everything that `assay` reports to a person. `str(error)` is the whole message."""

    def __reduce__(self) -> tuple[type[AssayError], tuple[str, ...]]:
        return type(self), (str(self),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in a spec: where it stands, what was found, what is allowed and what to write instead."""

    where: str
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.where}: {self.found}. Allowed: {self.allowed}.{hint}"


class SpecError(AssayError):
    """The spec is wrong. Nothing has run. `mistakes` holds all of them, in the order of the file."""

    def __init__(self, message: str, mistakes: Sequence[Mistake] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes)

    @classmethod
    def of(cls, mistakes: Sequence[Mistake]) -> SpecError:
        """The error that reports all `mistakes` at once."""
        return cls("\n".join(str(mistake) for mistake in mistakes), mistakes)


class DataError(AssayError):
    """The data cannot be read, or cannot be used as the spec says."""


class ValidationFailed(DataError):
    """The data were read, and an expectation of severity `fail` does not hold."""


class DataAuditFailed(DataError):
    """The data were read, and their audit found what the spec says must not be trained on."""


class TrainingError(AssayError):
    """Training cannot start or cannot go on."""


class StoreError(AssayError):
    """Stored bytes are missing, or differ from the digest under which they were written."""


class LockedError(AssayError):
    """Another process is doing the same work right now."""


class TrackingError(AssayError):
    """MLflow cannot be reached, or it refuses what it is asked."""


class RegistryError(AssayError):
    """A model version cannot be registered, promoted or loaded."""


class ServersError(AssayError):
    """The local servers cannot be started, found or stopped."""


class Cancelled(AssayError):
    """A person or the system asked the run to end."""


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """`Did you mean 'x'?` for the nearest of `words`, or nothing."""
    near = difflib.get_close_matches(word, words, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def examples(values: Sequence[object], limit: int = MAX_EXAMPLES) -> str:
    """The first `limit` values, each cut to 60 characters, and how many more there are."""
    shown = ", ".join(_cut(repr(value)) for value in values[:limit])
    more = len(values) - limit
    return f"{shown} and {more} more" if more > 0 else shown


def _cut(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

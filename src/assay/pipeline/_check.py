"""Every mistake of a spec at once: in its words, and in what it says of its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import DataError, Mistake, SpecError
from assay.pipeline import _fits
from assay.pipeline._answers import of_message
from assay.spec import Spec, loading

UNSEEN = "The data were not looked at: the query would have to run. `assay check --query` runs it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The mistakes in the order of the file, what else a person should know, and the spec when there is no mistake."""

    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...] = ()
    spec: Spec | None = None


def check(path: str | Path, overrides: Sequence[str], query: bool) -> Checked:
    """See `assay.pipeline.check`."""
    mistakes, spec = loading.understand(path, overrides)
    if spec is None:
        return Checked(mistakes=tuple(mistakes))
    notes: tuple[str, ...] = ()
    try:
        seen = _fits.look(spec, query=query)
        notes = _fits.notes(spec, seen) if seen is not None else (UNSEEN,)
        found = _fits.check(spec, seen)
    except SpecError:  # options of the source, which are among the mistakes already
        found = []
    except DataError as error:
        where = spec.place("data.path" if "path" in spec.data.options else "data")
        found = [*_fits.check(spec, None), of_message(where, str(error))]
    mistakes = _fits.together(mistakes, found)
    return Checked(mistakes=tuple(mistakes), notes=notes, spec=None if mistakes else spec)

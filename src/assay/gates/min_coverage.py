"""`min_coverage`: the conformal sets of every group and label hold the true class as often as promised.

Holds what `audit: {conformal: 0.9}` measured against the promise less `tolerance`. `sets: one` judges those with one
threshold for everybody, which keep the promise on average and break it for some; `sets: own` those with a threshold per
group and label.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from assay.artifacts import Evidence, GateResult
from assay.gates import _parts
from assay.spec.words import Words


class Config(Words):
    """`tolerance: 0.05`."""

    tolerance: float = Field(gt=0, lt=0.5, description="by how much a group's coverage may fall short of the promise")
    sets: Literal["own", "one"] = "own"


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the coverage of every group and label against the promise."""
    found, which = evidence.coverage, "" if config.sets == "own" else " with one threshold for all"
    title = f"sets hold the true class within {config.tolerance:g} of the promise{which}"
    if found is None:
        hint = "No conformal sets were made: write `audit: {conformal: 0.9}`."
        return _parts.missing("min_coverage", title, config.tolerance, hint)
    shares = found.conditional if config.sets == "own" else found.marginal
    parts = [_parts.Part.of(share, evidence, f", {share.what}") for share in shares]
    if not parts:
        hint = "There is no group whose coverage was measured: name a column under `audit.sensitive`."
        return _parts.missing("min_coverage", title, config.tolerance, hint)
    return _parts.hold("min_coverage", title, parts, found.promised - config.tolerance, 1)

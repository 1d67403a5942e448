"""`max_multiplicity`: in no group is the prediction of more than so many people a matter of the training's seed.

Holds the shares of `audit: {seeds: 4}` against `at_most`, over all rows and in every group.
"""

from __future__ import annotations

from pydantic import Field

from assay.artifacts import Evidence, GateResult
from assay.gates import _parts
from assay.spec.words import Words


class Config(Words):
    """`at_most: 0.1`."""

    at_most: float = Field(gt=0, lt=1, description="the share of a group whose prediction may hang on the seed")


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold every group's share against the limit."""
    title, found = f"at most {config.at_most:g} of a group hangs on the seed", evidence.multiplicity
    if found is None:
        hint = "No other seeds were trained: write `audit: {seeds: 4}`."
        return _parts.missing("max_multiplicity", title, config.at_most, hint)
    parts = [_parts.Part.of(share, evidence) for share in found.shares]
    return _parts.hold("max_multiplicity", title, parts, config.at_most, -1)

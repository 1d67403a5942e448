"""`min_stability`: a model of another seed gives the same first reason often enough, in every group.

Holds what `audit: {seeds: 4, explain: {}}` measured against `at_least`.
"""

from __future__ import annotations

from pydantic import Field

from assay.artifacts import Evidence, GateResult, Share
from assay.gates import _parts
from assay.spec.words import Words


class Config(Words):
    """`at_least: 0.7`."""

    at_least: float = Field(gt=0, lt=1, description="the share of rows with the same first reason")


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the agreement in every group against the limit."""
    title, found = f"the first reason is the same for at least {config.at_least:g} of a group", evidence.stability
    if found is None:
        hint = "The reasons of other seeds are not known: write `audit: {seeds: 4, explain: {}}`."
        return _parts.missing("min_stability", title, config.at_least, hint)
    parts = []
    for sensitive, group, n, interval in found.agreement:
        who = Share(sensitive=sensitive, group=group, what="", k=0, n=n, interval=interval)
        is_powered = _parts.powered(who, evidence)
        parts.append(_parts.Part(name=_parts.called(sensitive, group), n=n, interval=interval, powered=is_powered))
    return _parts.hold("min_stability", title, parts, config.at_least, 1)

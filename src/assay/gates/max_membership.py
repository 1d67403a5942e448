"""`max_membership`: an attacker recognises no more than so many training rows.

Holds the true-positive rate of the attack of `audit: {membership: {}}`, at its rate of false alarms, against `at_most`.
A PASS says that this attack failed; only the accountant of a private training says that every attack would.
"""

from __future__ import annotations

from pydantic import Field

from assay.artifacts import Evidence, GateResult
from assay.gates import _parts
from assay.spec.words import Words


class Config(Words):
    """`at_most: 0.03`."""

    at_most: float = Field(gt=0, lt=1, description="the share of training rows that are recognised")


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the attack against the limit."""
    title, found = f"an attacker recognises at most {config.at_most:g} of the training rows", evidence.membership
    if found is None:
        hint = "Nobody has attacked this model: write `audit: {membership: {shadows: 16}}`."
        return _parts.missing("max_membership", title, config.at_most, hint)
    name = f"true positives at {found.fpr:.1%} false alarms, {found.n_shadows} shadow models"
    part = _parts.Part(name=name, n=found.n_members, interval=found.tpr)
    return _parts.hold("max_membership", title, [part], config.at_most, -1)

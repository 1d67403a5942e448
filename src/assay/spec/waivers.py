"""Waivers and legal profiles: dated YAML beside the spec."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from assay.spec.words import Words

MOST_DAYS = 90
MIN_REASON = 40


class WaiverSpec(Words):
    """A decision to overlook one verdict for a while, by somebody who answers for it. The verdict stays.

    `check` is the title of the gate as a run prints it, `groups` the groups whose gaps it covers, `ceiling` the value
    beyond which it is void; `model` and `data` (the digest of the data, or how it begins) are what it is for.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")
    check: str
    groups: tuple[str, ...] = ()
    reason: str = Field(min_length=MIN_REASON)
    approver: str = Field(min_length=1)
    issued: date
    expires: date
    ceiling: float
    model: str
    data: str = Field(min_length=12, pattern=r"^[0-9a-f]+$", description="digest of the data, or its first 12 digits")
    profile: str | None = None
    evidence: str = Field(min_length=1, description="where the grounds can be read: a ticket, a document, a digest")

    @model_validator(mode="after")
    def _is_for_a_while(self) -> Self:
        days = (self.expires - self.issued).days
        if not 0 < days <= MOST_DAYS:
            raise ValueError(f"`expires` is 1 to {MOST_DAYS} days after `issued`; these are {days} days apart")
        return self


class ProfileCheck(Words):
    """A gate that a profile asks for, over every sensitive column, every crossing, or both."""

    gate: str
    over: Literal["columns", "crossings", "all"]
    metric: str
    tolerance: float | None = None
    min_ratio: float | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of the gate, without the feature that it is asked of."""
        return self.model_dump(exclude={"gate", "over"}, exclude_none=True)


class ProfileSpec(Words):
    """What a law or a standard asks, as data with dates. `required_fields` are for people to fill in."""

    id: str
    version: int
    title: str
    source: str
    effective_from: date
    effective_to: date | None = None
    note: str = ""
    checks: tuple[ProfileCheck, ...] = ()
    required_fields: tuple[str, ...] = ()

    def is_in_force(self, today: date) -> bool:
        """Whether it holds on that day."""
        return self.effective_from <= today and (self.effective_to is None or today <= self.effective_to)

"""Waivers: what the decision overlooks, for a while, and what keeps a waiver from holding.

A waiver changes what is decided, never what was found: the verdict stays, and the result says who waived it and until
when. It is void for an ERROR and for an exhausted privacy budget, before its first and after its last day, when its
approver is an author of the run, beyond its ceiling, for other groups, another model, other data or another profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from assay.artifacts import GateResult, Scope
from assay.spec.waivers import WaiverSpec

UNWAIVABLE = ("privacy_budget",)


def waived(result: GateResult, waivers: tuple[WaiverSpec, ...], scope: Scope) -> GateResult:
    """`result` with the first waiver that holds, and with what keeps the others from it."""
    if result.verdict in ("PASS", "NOT_APPLICABLE"):
        return result
    for waiver in (one for one in waivers if one.check == result.title):
        void = next(_voids(waiver, result, scope), "")
        if not void:
            words = f"waived until {waiver.expires} by {waiver.approver} ({waiver.id}): {waiver.reason}"
            return replace(result, waived=words, waived_until=str(waiver.expires))
        result = replace(result, detail=(*result.detail, f"Waiver {waiver.id} does not hold: {void}."))
    return result


def _voids(waiver: WaiverSpec, result: GateResult, scope: Scope) -> Iterator[str]:
    """Every reason why a waiver does not hold."""
    today = date.fromisoformat(scope.today)
    if result.verdict == "ERROR" or result.gate in UNWAIVABLE:
        yield "an error and an exhausted privacy budget cannot be waived"
    if today < waiver.issued:
        yield f"it begins on {waiver.issued}"
    if today > waiver.expires:
        yield f"it expired on {waiver.expires}"
    if waiver.approver.strip().casefold() in {author.strip().casefold() for author in scope.authors}:
        yield f"its approver, {waiver.approver}, is an author of the run"
    if not scope.authors:
        yield "nobody knows who the author of the run is; set ASSAY_AUTHOR"
    if _is_beyond(waiver, result):
        yield f"the value, {result.value}, lies beyond its ceiling, {waiver.ceiling:g}"
    uncovered = [pair for pair in result.pairs if not set(pair) & set(waiver.groups)]
    if uncovered:
        yield f"it does not cover {uncovered[0][0]} and {uncovered[0][1]}"
    if waiver.model != scope.model:
        yield f"it is for the model {waiver.model!r}, and this is {scope.model!r}"
    if not scope.data_sha256.startswith(waiver.data):
        yield f"it is for other data; these are {scope.data_sha256[:12]}"
    if waiver.profile is not None and waiver.profile not in scope.profiles:
        yield f"it is for the profile {waiver.profile!r}, which the spec does not name"


def _is_beyond(waiver: WaiverSpec, result: GateResult) -> bool:
    """Whether the value lies further from the bound than the ceiling does, or fails on the other side of it."""
    if result.value is None or result.bound is None:
        return True
    away, allowed = result.value - result.bound, waiver.ceiling - result.bound
    return abs(away) > abs(allowed) or (result.verdict == "FAIL" and away * allowed <= 0)

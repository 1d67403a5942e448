"""A number held against the bound of the spec, before training."""

from __future__ import annotations

from assay.artifacts import DataCheck, Verdict


def held(
    check: str, about: str, reason: str, value: float, ends: tuple[float, float], bound: float | None
) -> DataCheck:
    """PASS when all of the interval `ends` is at most `bound`, FAIL when it lies beyond; without a bound measured."""
    low, high = ends
    return DataCheck(
        check=check,
        about=about,
        verdict=at_most(low, high, bound),
        reason=reason,
        value=value,
        low=low,
        high=high,
        bound=bound,
    )


def at_most(low: float, high: float, bound: float | None) -> Verdict:
    """Where an interval lies: under the bound, beyond it, or across."""
    if bound is None:
        return "NOT_APPLICABLE"
    if high <= bound:
        return "PASS"
    return "FAIL" if low > bound else "INCONCLUSIVE"

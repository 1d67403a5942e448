"""`max_slice_gap`: no group that the search found is worse off than the rest by more than a tolerance.

Judged on the half of the fold that confirms. FAIL when a confirmed slice's lower bound, Bonferroni over the slices that
were tried, lies beyond the tolerance. PASS when no slice is confirmed, or every confirmed one lies inside with 95 %
confidence. A PASS says that the search found nothing wider, not that there is nothing.
"""

from __future__ import annotations

from pydantic import Field

from assay.artifacts import Evidence, GateResult, Slice, Verdict
from assay.gates import _rates
from assay.spec.words import Words


class Config(Words):
    """`tolerance: 0.1`: in the units of the slices' error."""

    tolerance: float = Field(gt=0, description="the largest gap in error between a slice and the rest")


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the confirmed slices against the tolerance."""
    title = f"no slice worse than the rest by more than {config.tolerance:g}"
    if evidence.slices is None:
        reason = "No slices were searched for: write `audit: {slices: {}}`."
        return GateResult(gate="max_slice_gap", title=title, verdict="ERROR", reason=reason, bound=config.tolerance)
    found = evidence.slices
    confirmed = [one for one in found.slices if one.confirmed]
    if not confirmed:
        reason = (
            f"{found.n_explored:,} slices were tried and {found.n_suggested:,} suggested; the other half of the fold "
            "confirmed none."
        )
        return GateResult(
            gate="max_slice_gap", title=title, verdict="PASS", reason=reason, value=0.0, low=0.0, high=0.0,
            bound=config.tolerance,
        )  # fmt: skip
    verdicts = [_verdict(one, config.tolerance, len(found.slices)) for one in confirmed]
    verdict = next((v for v in ("FAIL", "INCONCLUSIVE") if v in verdicts), "PASS")
    worst = max((o for o, v in zip(confirmed, verdicts, strict=True) if v == verdict), key=lambda one: one.gap.value)
    low, high = _rates.one_sided(worst.gap)
    return GateResult(
        gate="max_slice_gap",
        title=title,
        verdict=verdict,  # type: ignore[arg-type]
        reason=f"{worst.described}: {found.error} {worst.error:.3g}, and {worst.error_of_rest:.3g} on the rest "
        f"({worst.n_rows:,} rows confirm it); {config.tolerance:g} more is allowed.",
        value=worst.gap.value,
        low=low,
        high=high,
        bound=config.tolerance,
        detail=tuple(f"{one.described}: {one.gap.value:+.3g} in {one.n_rows:,} rows." for one in confirmed[:5]),
    )


def _verdict(one: Slice, tolerance: float, n_tried: int) -> Verdict:
    if _rates.one_sided(one.gap)[1] <= tolerance:
        return "PASS"
    low, _ = _rates.one_sided(one.gap, _rates.adjusted(n_tried))
    return "FAIL" if low > tolerance else "INCONCLUSIVE"

"""What gates on shares share: one number per group, each held against one bound, all of them at once.

PASS when with 95 % confidence every group that is large enough lies inside (intersection-union: no correction). FAIL
when the bound of some group, Bonferroni over groups and sides, lies outside. Otherwise INCONCLUSIVE, with the rows that
would decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay.artifacts import Evidence, GateResult, Interval, Share, Verdict
from assay.errors import examples
from assay.gates import _rates

ALL = "(all)"  # the feature that holds every row in one group


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The number of one group. `k` of `n` where it is a share, whose bounds are Wilson's."""

    name: str
    n: int
    interval: Interval
    k: int | None = None
    powered: bool = True

    @classmethod
    def of(cls, share: Share, evidence: Evidence, what: str = "") -> Part:
        """A share as a part; `what` follows the group's name."""
        return cls(
            name=called(share.sensitive, share.group) + what,
            n=share.n,
            k=share.k,
            interval=share.interval,
            powered=powered(share, evidence),
        )

    def bounds(self, confidence: float) -> tuple[float, float]:
        """One-sided bounds."""
        if self.k is None:
            return _rates.one_sided(self.interval, confidence)
        return _rates.wilson(self.k, self.n, confidence)


def called(sensitive: str, group: str) -> str:
    """The group in words."""
    return "all rows" if sensitive == ALL else f"{sensitive}: {group}"


def powered(share: Share, evidence: Evidence) -> bool:
    """Whether the audit found the group large enough to be judged alone."""
    groups = evidence.findings.groups if evidence.findings is not None else ()
    return all(row.powered for row in groups if (row.sensitive, row.group) == (share.sensitive, share.group))


def hold(gate: str, title: str, parts: Sequence[Part], bound: float, side: Literal[1, -1]) -> GateResult:
    """Every part at least at `bound` (`side` 1), or at most (`side` -1)."""
    verdicts = [_verdict(part, bound, side, len(parts)) for part in parts]
    judged = [part.powered for part in parts]
    verdict: Verdict = "PASS"
    if "FAIL" in verdicts:
        verdict = "FAIL"
    elif not any(judged) or "INCONCLUSIVE" in [v for v, is_judged in zip(verdicts, judged, strict=True) if is_judged]:
        verdict = "INCONCLUSIVE"
    told = [part for part, v in zip(parts, verdicts, strict=True) if v == verdict and (part.powered or v == "FAIL")]
    told = told or list(parts)
    worst = min(told, key=lambda part: side * part.interval.value)
    confidence = _rates.adjusted(len(parts)) if verdict == "FAIL" else _rates.CONFIDENCE
    low, high = worst.bounds(confidence)
    words = "at least" if side == 1 else "at most"
    number = f"{worst.interval.value:.3g} ({low:.3g} to {high:.3g}) of {worst.n:,} rows"
    reason = f"{worst.name}: {number}; {words} {bound:g} is asked."
    more = [_more(part, bound) for part in told] if verdict == "INCONCLUSIVE" else []
    if len(more) == 1:
        reason += f" {more[0]}"
    small = [part.name for part in parts if not part.powered]
    notes = (f"Too few to be judged alone: {examples(small)}.",) if small else ()
    return GateResult(
        gate=gate, title=title, verdict=verdict, reason=reason, value=worst.interval.value, low=low, high=high,
        bound=bound, detail=(*(more[:5] if len(more) > 1 else ()), *notes),
    )  # fmt: skip


def missing(gate: str, title: str, bound: float, hint: str) -> GateResult:
    """The result where nobody has measured what the gate asks for."""
    return GateResult(gate=gate, title=title, verdict="ERROR", reason=hint, bound=bound)


def _verdict(part: Part, bound: float, side: int, n_parts: int) -> Verdict:
    low, high = part.bounds(_rates.CONFIDENCE)
    if (low >= bound) if side == 1 else (high <= bound):
        return "PASS"
    low, high = part.bounds(_rates.adjusted(n_parts))
    return "FAIL" if ((high < bound) if side == 1 else (low > bound)) else "INCONCLUSIVE"


def _more(part: Part, bound: float) -> str:
    """How many more rows would decide, if the number stays: an interval shrinks with the root of the rows."""
    distance, (low, high) = abs(part.interval.value - bound), part.bounds(_rates.CONFIDENCE)
    arm = part.interval.value - low if part.interval.value > bound else high - part.interval.value
    times = (arm / distance) ** 2 if distance else _rates.MOST_TIMES
    if times >= _rates.MOST_TIMES:
        return f"{part.name} lies at the bound, so no reasonable number of rows would decide."
    more = _rates.about(max(1.0, (times - 1) * part.n))
    return f"About {more} more rows of {part.name} would decide ({part.n:,} now), if it stays."

"""Which gaps between groups are shown, in which order and on which scale.

Ten groups make 45 pairs in every metric, so a page of all of them hides the one that matters. Gaps are put into blocks
of one metric and one sensitive feature; the blocks that a gate asks about come first, and of every block the widest
gaps, groups with enough rows before those with too few. `findings.json` has them all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from assay.artifacts import Decision, Findings, PairGap, Tolerance
from assay.reporting._format import words
from assay.reporting._intervals import Marks
from assay.reporting._svg import Domain, domain

MAX_GAPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The widest gaps of one metric between the groups of one sensitive feature.

    `n_gaps` counts all of them; `tolerance` is that of the gate that judges them.
    """

    metric: str
    sensitive: str
    gaps: tuple[PairGap, ...]
    n_gaps: int
    tolerance: Tolerance | None

    @property
    def heading(self) -> str:
        """What the gaps are of."""
        return f"{words(self.metric)} by {self.sensitive}, {self.gaps[0].scale}"

    @property
    def equal(self) -> float:
        """The gap between groups that are treated alike: 0 as a difference and 1 as a ratio."""
        return 1.0 if self.gaps[0].scale == "ratio" else 0.0

    @property
    def allowed(self) -> Domain | None:
        """The range of gaps that the gate lets pass."""
        if self.tolerance is None:
            return None
        low, high = self.tolerance.low, self.tolerance.high
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def domain(self) -> Domain:
        """The range of the picture: all estimates, but only the bounds of groups with enough rows. Others are cut."""
        judged = [gap for gap in self.gaps if gap.powered] or self.gaps
        ends = [end for gap in judged for end in marks(gap).ends]
        return domain([self.equal, *(self.allowed or ()), *(gap.gap for gap in self.gaps), *ends])


def blocks(findings: Findings, decision: Decision) -> tuple[Block, ...]:
    """All blocks of gaps, those with a tolerance first."""
    found: dict[tuple[str, str, Literal["difference", "ratio"]], list[PairGap]] = {}
    for gap in findings.gaps:
        found.setdefault((gap.metric, gap.sensitive, gap.scale), []).append(gap)
    asked = [gate.tolerance for gate in decision.gates if gate.tolerance is not None]
    tolerances = {(metric, one.sensitive, one.scale): one for one in asked for metric in one.metrics}
    made = [
        Block(
            metric=metric,
            sensitive=sensitive,
            gaps=tuple(sorted(gaps, key=_widest_first)[:MAX_GAPS]),
            n_gaps=len(gaps),
            tolerance=tolerances.get((metric, sensitive, scale)),
        )
        for (metric, sensitive, scale), gaps in found.items()
    ]
    return tuple(sorted(made, key=lambda block: block.tolerance is None))


def marks(gap: PairGap) -> Marks:
    """The gap as an interval to be drawn: one-sided 95 % bounds thick, adjusted bounds thin."""
    outer, tone = (gap.low_adjusted, gap.high_adjusted), "mark" if gap.powered else "quiet"
    return Marks(value=gap.gap, low=gap.low, high=gap.high, outer=outer, tone=tone)


def pair(gap: PairGap) -> str:
    """The two groups, in the order in which they are compared."""
    return f"{gap.group_a} {'÷' if gap.scale == 'ratio' else '−'} {gap.group_b}"


def _widest_first(gap: PairGap) -> tuple[bool, float]:
    width = abs(math.log(gap.gap)) if gap.scale == "ratio" and gap.gap > 0 else abs(gap.gap)
    return not gap.powered, -width

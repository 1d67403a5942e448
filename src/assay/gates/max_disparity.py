"""`max_disparity`: groups of a sensitive feature differ by at most a tolerance.

Every pair of groups is judged. PASS when the one-sided 95 % bounds of every pair lie inside the tolerance (all must
pass, so no correction is needed); FAIL when a pair's bound, Bonferroni over pairs and sides, lies outside; otherwise
INCONCLUSIVE, with the groups and how many more rows would decide. Groups that are too few to be judged
(`audit.min_share`) can fail the gate but need not pass it.

`equalized_odds` asks for true and false positive rates together, as one family. In tasks of many classes a rate stands
for all classes; `selection_rate[cat]` asks for one. `calibration_error` holds each group's excess over chance.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Self

from pydantic import Field, model_validator

from assay.artifacts import Evidence, Findings, GateResult, GroupRow, PairGap, Tolerance, Verdict
from assay.errors import did_you_mean
from assay.gates import _rates
from assay.gates._rates import CALIBRATION, CONFIDENCE, COUNTED, IF_CALIBRATED, MEANS, RATES, Scale
from assay.spec.words import Slip, Words, Wrong

EQUALIZED_ODDS = ("true_positive_rate", "false_positive_rate")


class Config(Words):
    """`metric: selection_rate`, `sensitive: sex` (or a crossing, `[sex, race]`), and `tolerance` or `min_ratio`."""

    metric: str = Field(description="a metric of the audit, e.g. selection_rate, true_positive_rate, equalized_odds")
    sensitive: str | tuple[str, ...] = Field(description="a column of `audit.sensitive`, or the columns of a crossing")
    tolerance: float | None = Field(default=None, gt=0, description="the largest difference, in the metric's units")
    min_ratio: float | None = Field(default=None, gt=0, lt=1, description="the smallest ratio, lower to higher")

    @model_validator(mode="after")
    def _is_meaningful(self) -> Self:
        name, known = _rates.base(self.metric), (*RATES, "equalized_odds", *MEANS, CALIBRATION)
        if name not in known:
            raise Wrong(Slip("metric", ", ".join(known), hint=did_you_mean(name, known)))
        both = (self.tolerance is None) == (self.min_ratio is None)
        no_ratio = self.min_ratio is not None and name in (*MEANS, CALIBRATION)
        too_wide = self.tolerance is not None and self.tolerance >= 1 and name not in MEANS
        Wrong.when(
            Slip("", "either `tolerance` (a difference) or `min_ratio` (a ratio)") if both else None,
            Slip("min_ratio", f"`tolerance`: {name} has no ratio") if no_ratio else None,
            Slip("tolerance", "a difference of rates, above 0 and below 1") if too_wide else None,
        )
        return self

    @property
    def feature(self) -> str:
        """The sensitive feature or crossing as the audit names it."""
        return self.sensitive if isinstance(self.sensitive, str) else " × ".join(self.sensitive)

    @property
    def scale(self) -> Scale:
        """Which kind of gap is judged."""
        return "difference" if self.min_ratio is None else "ratio"

    @property
    def bound(self) -> float:
        """The tolerance or the smallest ratio."""
        return self.tolerance if self.tolerance is not None else self.min_ratio or 0.0

    @property
    def limits(self) -> tuple[float, float]:
        """The range in which a gap is tolerated."""
        if _rates.base(self.metric) == CALIBRATION:
            return -math.inf, self.bound  # less error than by chance is no fault
        return (-self.bound, self.bound) if self.scale == "difference" else (self.bound, 1 / self.bound)

    @property
    def parts(self) -> tuple[str, ...]:
        """The metrics of the audit that this gate asks for, without their class."""
        wanted = _rates.base(self.metric)
        return EQUALIZED_ODDS if wanted == "equalized_odds" else (wanted,)

    def covers(self, metric: str) -> bool:
        """True when this gate asks for `metric` of the audit; without a class it asks for every class."""
        class_ = self.metric[len(_rates.base(self.metric)) :]
        return _rates.base(metric) in self.parts and metric.endswith(class_)

    def pairs(self, findings: Findings) -> list[PairGap]:
        """The pairs that are judged. Their counts give the gap on either scale."""
        pairs = [
            pair
            for pair in findings.gaps
            if pair.sensitive == self.feature and pair.scale == "difference" and self.covers(pair.metric)
        ]
        return pairs if self.scale == "difference" else [_rates.turned(pair) for pair in pairs]


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold every pair of groups against the tolerance."""
    findings = evidence.findings
    if findings is None:
        return _result(config, "ERROR", "There is no audit: name the column under `audit.sensitive`.")
    groups = [row for row in findings.groups if row.sensitive == config.feature]
    if not groups:
        there = ", ".join(dict.fromkeys(row.sensitive for row in findings.groups)) or "nothing"
        return _result(config, "ERROR", f"The audit did not look at {config.feature!r}; it looked at: {there}.")
    pairs = config.pairs(findings)
    verdicts = [_rates.verdict(pair, config.scale, config.limits, len(pairs)) for pair in pairs]
    failed = [pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict == "FAIL"]
    undecided = [p for p, verdict in zip(pairs, verdicts, strict=True) if verdict == "INCONCLUSIVE" and p.powered]
    judged = [pair for pair in pairs if pair.powered]
    if failed:
        return _about_pairs(config, "FAIL", failed, len(pairs), _notes(config, findings, groups))
    if gaps := _unjudged(config, groups, pairs):
        reason = f"{config.metric} cannot be judged for every group of {config.feature}: {'; '.join(gaps[:5])}."
        return _result(config, "INCONCLUSIVE", reason, _notes(config, findings, groups))
    verdict: Verdict = "INCONCLUSIVE" if undecided else "PASS"
    return _about_pairs(config, verdict, undecided or judged, len(pairs), _notes(config, findings, groups))


def _unjudged(config: Config, groups: list[GroupRow], pairs: list[PairGap]) -> list[str]:
    """What stands between this evidence and a PASS, whatever the numbers are."""
    powered = [row.group for row in groups if row.powered]
    needed = 1 if config.metric == CALIBRATION else 2
    if len(powered) < needed:
        return [f"{len(powered)} of its groups are large enough to be judged, and it takes {needed}"]
    compared = {(pair.metric, group) for pair in pairs for group in (pair.group_a, pair.group_b)}
    metrics = {entry[0] for row in groups for entry in row.metrics if config.covers(entry[0])}
    absent = [part for part in config.parts if part not in map(_rates.base, metrics)]
    return [f"no group has any {COUNTED.get(part, 'rows')} for {part}" for part in absent] + [
        f"{metric} has no comparison for {group}"
        for metric in sorted(metrics)
        for group in powered
        if (metric, group) not in compared
    ]


def _about_pairs(
    config: Config, verdict: Verdict, pairs: list[PairGap], n_pairs: int, notes: tuple[str, ...]
) -> GateResult:
    """The result in the words of the worst of `pairs`."""
    gaps = [_rates.gap(pair, config.scale) for pair in pairs]
    worst = pairs[gaps.index(min(gaps) if config.scale == "ratio" else max(gaps))]
    confidence = _rates.adjusted(n_pairs) if verdict == "FAIL" else CONFIDENCE
    value = _rates.gap(worst, config.scale)
    low, high = _rates.bounds(worst, config.scale, confidence)
    reason = f"{worst.metric} by {config.feature}: {_gap_in_words(config, worst, value, low, high)}"
    if verdict == "FAIL":
        reason += f" The bounds hold for every comparison ({n_pairs} in all) at once."
    if verdict == "PASS":
        reason += f" Every comparison ({len(pairs)} in all) lies inside with 95 % confidence."
    if verdict == "INCONCLUSIVE":
        more = [_more_rows(config, pair, n_pairs) for pair in pairs]
        reason += f" {more[pairs.index(worst)]}"
        notes = (*more[:5], *notes) if len(more) > 1 else notes
    return replace(
        _result(config, verdict, reason, notes),
        value=value,
        low=low,
        high=high,
        tolerance=_tolerance(config, pairs),
        pairs=() if verdict == "PASS" else tuple((pair.group_a, pair.group_b) for pair in pairs),
    )


def _gap_in_words(config: Config, pair: PairGap, value: float, low: float, high: float) -> str:
    numbers = f"{value:z.3g} ({low:z.3g} to {high:z.3g})"
    if config.scale == "ratio":
        return f"{pair.group_a} has {numbers} times the rate of {pair.group_b}; at least {config.bound:g} is asked."
    if _rates.base(pair.metric) == CALIBRATION:
        return f"{pair.group_a} is off by {numbers} more than by chance; {config.bound:g} is allowed."
    return f"{pair.group_a} and {pair.group_b} differ by {numbers}; {config.bound:g} is allowed."


def _more_rows(config: Config, pair: PairGap, n_pairs: int) -> str:
    """How many more rows of each group would decide the pair, if its gap stays."""
    what = f"{pair.metric} of {pair.group_a} and {pair.group_b}"
    times = _rates.times_to_decide(pair, config.scale, config.limits, n_pairs)
    if times is None:
        return f"{what} lies at the limit, so no reasonable number of rows would decide."
    unit = COUNTED.get(_rates.base(pair.metric), "rows")
    more = [
        f"{_rates.about((times - 1) * n)} more {unit} of {group} ({n:,.0f} now)"
        for group, n in ((pair.group_a, pair.n_a), (pair.group_b, pair.n_b))
        if group != IF_CALIBRATED
    ]
    return f"{what} would be decided by about {' and '.join(more)}, if the gap stays."


def _notes(config: Config, findings: Findings, groups: list[GroupRow]) -> tuple[str, ...]:
    small = [row.group for row in groups if not row.powered]
    problems = tuple(problem for problem in findings.problems if problem.startswith(f"{config.feature}: "))
    return (f"Too few to be judged alone: {', '.join(small)}.", *problems) if small else problems


def _tolerance(config: Config, pairs: list[PairGap]) -> Tolerance:
    low, high = config.limits
    return Tolerance(
        metrics=tuple(dict.fromkeys(pair.metric for pair in pairs)),
        sensitive=config.feature,
        scale=config.scale,
        low=low if math.isfinite(low) else None,
        high=high,
    )


def _result(config: Config, verdict: Verdict, reason: str, detail: tuple[str, ...] = ()) -> GateResult:
    words = "within" if config.scale == "difference" else "in a ratio of at least"
    return GateResult(
        gate="max_disparity",
        title=f"{config.metric} by {config.feature} {words} {config.bound:g}",
        verdict=verdict,
        reason=reason,
        bound=config.bound,
        detail=detail,
    )

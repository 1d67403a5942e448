"""`beats_champion`: the candidate is not worse than the champion, on the same rows, by a margin or more.

The difference is oriented so that positive is better. PASS when its one-sided 95 % lower bound lies above -`margin`;
FAIL when its upper bound does not; otherwise INCONCLUSIVE. `margin: 0` asks for proof of being better; `margin: 0.002`
is a non-inferiority margin: the candidate may be worse by less than 0.002, in the metric's units; `margin: -0.01` asks
for a gain of more than 0.01. With no champion yet there is nothing to beat: NOT_APPLICABLE. Fewer than `min_rows`
common rows are "not enough data": INCONCLUSIVE.
"""

from __future__ import annotations

import math

from pydantic import Field

from assay.artifacts import Comparison, Evidence, GateResult, Verdict
from assay.gates._rates import MOST_TIMES, about, one_sided
from assay.spec.words import Words


class Config(Words):
    """`metric: roc_auc`, `margin: 0.002`."""

    metric: str = Field(description="the name of a metric, e.g. roc_auc")
    margin: float = Field(default=0.0, description="the loss that is accepted; negative: the gain that is demanded")
    min_rows: int = Field(default=500, ge=2, description="fewer common rows are not enough data")


def compared(config: Config) -> tuple[str, ...]:
    """The metrics in which this gate wants candidate and champion compared."""
    return (config.metric,)


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the gain over the champion against the margin."""
    if evidence.comparison_problem:
        return _result(config, "ERROR", f"The champion could not be compared: {evidence.comparison_problem}")
    if evidence.champion_version == 0:
        return _result(config, "NOT_APPLICABLE", "No other model is the champion, so there is nothing to beat.")
    for comparison in evidence.comparisons:
        if (comparison.metric, comparison.champion_version) == (config.metric, evidence.champion_version):
            return _judge(config, comparison)
    reason = f"There is no comparison in {config.metric} with champion version {evidence.champion_version}."
    return _result(config, "ERROR", reason)


def _judge(config: Config, comparison: Comparison) -> GateResult:
    if comparison.n_rows < config.min_rows:
        reason = (
            f"Not enough data: {comparison.n_rows:,} rows that neither model was trained on, "
            f"{comparison.n_excluded:,} set aside; min_rows asks for {config.min_rows:,}."
        )
        return _result(config, "INCONCLUSIVE", reason)
    value, bound = comparison.difference.value, _bound(config)
    low, high = one_sided(comparison.difference)
    verdict: Verdict = "PASS" if low > bound else "FAIL" if high <= bound else "INCONCLUSIVE"
    if not (math.isfinite(low) and math.isfinite(high)):
        verdict = "ERROR"
    reason = (
        f"On {comparison.n_rows:,} common rows the gain over version {comparison.champion_version} in {config.metric} "
        f"is {value:z.4g} ({low:z.4g} to {high:z.4g}, positive is better); more than {bound:g} is asked."
    )
    if verdict == "INCONCLUSIVE":
        reason += _rows_to_decide(comparison.n_rows, value - bound, value - low, high - value)
    return _result(config, verdict, reason, value, low, high)


def _bound(config: Config) -> float:
    return 0.0 - config.margin  # and not -margin, which would be minus zero for a margin of zero


def _rows_to_decide(n_rows: int, distance: float, below: float, above: float) -> str:
    times = ((below if distance > 0 else above) / distance) ** 2 if distance else math.inf
    if times > MOST_TIMES:
        return " The gain lies at the margin, so no reasonable number of rows would decide."
    return f" About {about((times - 1) * n_rows)} more rows would decide, if the gain stays."


def _result(
    config: Config,
    verdict: Verdict,
    reason: str,
    value: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> GateResult:
    title = f"better than the champion in {config.metric}"
    if config.margin > 0:
        title = f"less than {config.margin:g} worse than the champion in {config.metric}"
    if config.margin < 0:
        title = f"more than {-config.margin:g} better than the champion in {config.metric}"
    return GateResult(
        gate="beats_champion",
        title=title,
        verdict=verdict,
        reason=reason,
        value=value,
        low=low,
        high=high,
        bound=_bound(config),
    )

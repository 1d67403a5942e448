"""`min_metric`: a metric is at least so much.

PASS when the one-sided 95 % lower bound reaches `at_least`; FAIL when the upper bound stays below it; otherwise
INCONCLUSIVE, with the rows that would decide. `by: point` looks at the number alone and never abstains.
"""

from __future__ import annotations

from pydantic import Field

from assay.artifacts import Evidence, GateResult
from assay.gates._metric import MetricConfig, hold


class Config(MetricConfig):
    """`metric: accuracy`, `at_least: 0.85`."""

    at_least: float = Field(description="the smallest value that passes")


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the metric against its lower limit."""
    return hold("min_metric", config, evidence, config.at_least, 1)

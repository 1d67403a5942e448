"""`max_metric`: a metric is at most so much.

PASS when the one-sided 95 % upper bound stays within `at_most`; FAIL when the lower bound lies above it; otherwise
INCONCLUSIVE, with the rows that would decide. `by: point` looks at the number alone and never abstains.
"""

from __future__ import annotations

from pydantic import Field

from assay.artifacts import Evidence, GateResult
from assay.gates._metric import MetricConfig, hold


class Config(MetricConfig):
    """`metric: log_loss`, `at_most: 0.35`."""

    at_most: float = Field(description="the largest value that passes")


def check(config: Config, evidence: Evidence) -> GateResult:
    """Hold the metric against its upper limit."""
    return hold("max_metric", config, evidence, config.at_most, -1)

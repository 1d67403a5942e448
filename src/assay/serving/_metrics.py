"""What Prometheus is told. Where several workers serve, each of them tells the sum of all."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("assay_requests", "Answered requests.", ["version", "status"], registry=self._registry)
        self.seconds = Histogram(
            "assay_request_seconds", "Time to an answer.", ["version"], buckets=BUCKETS_S, registry=self._registry
        )
        self.refused = Counter(
            "assay_refused_requests", "Turned away before a model saw them.", ["status"], registry=self._registry
        )
        self.rows = Counter(
            "assay_rows",
            "Rows: predicted, or refused by the contract.",
            ["version", "outcome"],
            registry=self._registry,
        )
        self.shadow = Counter(
            "assay_shadow_rows",
            "Rows that the challenger answered beside the champion: same or different; dropped when busy.",
            ["version", "outcome"],
            registry=self._registry,
        )
        self.version = Gauge(
            "assay_model_version",
            "The version that answers.",
            ["reference"],
            registry=self._registry,
            multiprocess_mode="livemostrecent",
        )
        self.failing = Gauge(
            "assay_refresh_failing",
            "1 while a newer version does not load.",
            ["reference"],
            registry=self._registry,
            multiprocess_mode="livemax",
        )

    def text(self) -> bytes:
        """The numbers in Prometheus' format."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(registry))

"""Groups with known true rates, drawn and judged: how often does the rule say what?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from assay.artifacts import Blob, Evaluation, Evidence, Findings, GateResult
from assay.audit._findings import Tally, _gaps, _group_rows
from assay.gates import max_disparity

NOTHING = Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=0)
BLOB = Blob(uri="", sha256="", n_bytes=0, name="cells.parquet")


def evidence(tallies: dict[str, dict[str, Tally]], min_share: float = 0.02) -> Evidence:
    """Evidence that holds these tallies of the feature `who`, and nothing else."""
    rows = _group_rows("who", tallies, min_share)
    gaps = tuple(_gaps("who", tallies, rows, min_share))
    findings = Findings(cells=BLOB, fold="test", groups=tuple(rows), gaps=gaps, problems=())
    return Evidence(evaluation=NOTHING, findings=findings, comparisons=(), champion_version=0)


def rates(n_rows: Any, n_selected: Any) -> dict[str, dict[str, Tally]]:
    """Groups called g0, g1, ... of so many rows, so many of them selected."""
    pairs = zip(n_rows, n_selected, strict=True)
    return {f"g{i}": {"selection_rate": Tally(int(n), int(k))} for i, (n, k) in enumerate(pairs)}


def judge(tallies: dict[str, dict[str, Tally]], min_share: float = 0.02, **options: Any) -> GateResult:
    """The answer of `max_disparity` on the feature `who`."""
    config = max_disparity.Config.model_validate({"metric": "selection_rate", "sensitive": "who"} | options)
    return max_disparity.check(config, evidence(tallies, min_share))


def verdicts(sizes: list[int], true_rates: list[float], n_trials: int, **options: Any) -> dict[str, float]:
    """The share of each verdict over `n_trials` draws."""
    rng = np.random.default_rng(7)
    drawn = rng.binomial(sizes, true_rates, size=(n_trials, len(sizes)))
    counts = Counter(judge(rates(sizes, row), **options).verdict for row in drawn)
    return {verdict: n / n_trials for verdict, n in counts.items()}

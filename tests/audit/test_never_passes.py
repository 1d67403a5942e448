"""What cannot be judged is an error or is left open; it never passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay import audit, gates
from assay.artifacts import Evaluation, Evidence, GateResult
from assay.errors import DataError
from assay.spec.evidence import AuditSpec, GateSpec
from assay.store import Store
from tests.audit.example import binary, numbers, people, predictions, snapshot

N_ROWS = 4000
METRICS = ("selection_rate", "true_positive_rate", "equalized_odds", "accuracy", "calibration_error")
SPEC = AuditSpec(sensitive=("sex",))


def asked(store: Store, sex: Any, drawn: Any, metric: str) -> GateResult:
    """A gate with a wide tolerance, on people of these sexes."""
    table = people(N_ROWS).drop(["sex"]).append_column("sex", sex)
    found = audit.audit(predictions(store, *drawn), snapshot(store, table), SPEC, store=store)
    nothing = Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=N_ROWS)
    evidence = Evidence(evaluation=nothing, findings=found, comparisons=(), champion_version=0)
    gate = GateSpec.model_validate({"gate": "max_disparity", "metric": metric, "sensitive": "sex", "tolerance": 0.9})
    decision = gates.decide(evidence, (gate,), False)
    assert decision.outcome != "promote" or decision.gates[0].verdict == "PASS"
    return decision.gates[0]


def two(n_rows: int = N_ROWS) -> pa.Array:
    return pa.array(np.where(np.arange(n_rows) % 2 == 0, "Female", "Male")).dictionary_encode()


@pytest.mark.parametrize("metric", METRICS)
def test_two_sound_groups_pass_a_wide_tolerance(store: Store, metric: str) -> None:
    assert asked(store, two(), binary(N_ROWS), metric).verdict == "PASS"


@pytest.mark.parametrize("metric", METRICS[:-1])
@pytest.mark.parametrize("sex", [pa.nulls(N_ROWS, pa.string()), pa.array(["Female"] * N_ROWS)], ids=["null", "single"])
def test_one_group_alone_is_never_fair(store: Store, sex: Any, metric: str) -> None:
    result = asked(store, sex.dictionary_encode(), binary(N_ROWS), metric)
    assert result.verdict == "INCONCLUSIVE"
    assert "it takes 2" in result.reason


def test_a_group_without_positives_is_never_given_a_true_positive_rate(store: Store) -> None:
    y, y_hat, p = binary(N_ROWS)
    y[np.arange(N_ROWS) % 2 == 0] = 0
    result = asked(store, two(), (y, y_hat, p), "true_positive_rate")
    assert result.verdict == "INCONCLUSIVE"
    assert any("Female without positives" in detail for detail in result.detail)


def test_predictions_that_are_not_numbers_are_an_error(store: Store) -> None:
    y, y_hat, p = binary(N_ROWS)
    p[3] = np.nan
    with pytest.raises(DataError, match="1 of 4,000 predictions are not finite"):
        asked(store, two(), (y, y_hat, p), "selection_rate")
    y, y_hat = numbers(N_ROWS)
    y_hat[:2] = np.inf
    with pytest.raises(DataError, match="2 of 4,000 predictions are not finite"):
        asked(store, two(), (y, y_hat), "mean_error")


def test_float32_scores_are_audited_as_they_are(store: Store) -> None:
    y, y_hat, p = binary(N_ROWS)
    assert p.dtype == np.float32
    assert asked(store, two(), (y, y_hat, p), "calibration_error").verdict == "PASS"

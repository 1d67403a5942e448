"""A decision to promote needs something that speaks for the model."""

from __future__ import annotations

from assay import gates
from assay.artifacts import Evaluation, Evidence
from assay.spec.evidence import GateSpec


def test_a_model_of_which_nothing_was_shown_is_refused() -> None:
    evaluation = Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=0)
    evidence = Evidence(evaluation=evaluation, findings=None, comparisons=(), champion_version=0)
    gate = GateSpec.model_validate({"gate": "beats_champion", "metric": "accuracy"})
    decision = gates.decide(evidence, (gate,), promote_inconclusive=False)
    assert [result.verdict for result in decision.gates] == ["NOT_APPLICABLE"]
    assert decision.outcome == "refuse"
    assert "No gate passed" in decision.reason

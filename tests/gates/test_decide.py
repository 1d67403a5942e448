"""`decide`: every gate is asked, and only passing evidence promotes."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from assay import gates
from assay.artifacts import Decision, Evidence, GateResult, LeakProbe, LeakReport
from assay.spec import plugins
from assay.spec.evidence import GateSpec
from assay.spec.words import Words
from tests.gates.test_metric_gates import evidence

PASSES = {"gate": "min_metric", "metric": "accuracy", "at_least": 0.8}
FAILS = {"gate": "min_metric", "metric": "accuracy", "at_least": 0.9}
UNDECIDED = {"gate": "min_metric", "metric": "accuracy", "at_least": 0.845}
FIRST = {"gate": "beats_champion", "metric": "accuracy"}


def decided(*asked: dict[str, Any], promote_inconclusive: bool = False, **more: Any) -> Decision:
    specs = tuple(GateSpec.model_validate(one) for one in asked)
    return gates.decide(replace(evidence(), **more), specs, promote_inconclusive)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `check` a gate called `mine`, as a third party's entry point would."""

    def make(check: Any) -> None:
        module = ModuleType("mine_gate")
        module.Config = type("Config", (Words,), {})  # type: ignore[attr-defined]
        module.check = check  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "mine_gate", module)
        point = plugins.EntryPoint("mine", "mine_gate", "assay.gates")
        monkeypatch.setattr(plugins, "_announced", lambda kind: {"mine": point} if kind == "gate" else {})

    return make


def test_all_gates_passing_promotes() -> None:
    decision = decided(PASSES, PASSES)
    assert (decision.outcome, decision.reason) == ("promote", "2 of 2 gates passed.")


def test_one_failure_refuses_and_every_gate_is_still_asked() -> None:
    decision = decided(FAILS, PASSES, UNDECIDED)
    assert decision.outcome == "refuse"
    assert [gate.verdict for gate in decision.gates] == ["FAIL", "PASS", "INCONCLUSIVE"]
    assert "accuracy at least 0.9" in decision.reason


def test_an_undecided_gate_promotes_only_where_the_spec_says_so_and_the_reason_does() -> None:
    assert decided(PASSES, UNDECIDED).outcome == "inconclusive"
    promoted = decided(PASSES, UNDECIDED, promote_inconclusive=True)
    assert promoted.outcome == "promote"
    assert "Promoted although undecided" in promoted.reason
    assert decided(FAILS, UNDECIDED, promote_inconclusive=True).outcome == "refuse"


def test_the_first_model_is_promoted_and_the_gate_without_a_champion_is_visible() -> None:
    decision = decided(PASSES, FIRST)
    assert decision.outcome == "promote"
    assert "Not applicable: better than the champion in accuracy" in decision.reason


def test_a_spec_without_gates_promotes_nothing() -> None:
    decision = decided()
    assert decision.outcome == "refuse"
    assert "no gates" in decision.reason


def test_an_unknown_gate_is_an_error_and_refuses() -> None:
    decision = decided({"gate": "min_metrics"}, PASSES)
    assert [gate.verdict for gate in decision.gates] == ["ERROR", "PASS"]
    assert decision.outcome == "refuse"


@pytest.mark.parametrize(
    "answer", [lambda *_: 1 / 0, lambda *_: True, lambda *_: GateResult(gate="", title="mine", verdict="OK", reason="")]
)
def test_a_gate_that_raises_or_answers_nonsense_never_passes(plugin: Any, answer: Any) -> None:
    plugin(answer)
    decision = decided({"gate": "mine"}, PASSES, promote_inconclusive=True)
    assert decision.outcome == "refuse"
    assert decision.gates[1].verdict == "PASS"


def test_what_a_gate_raised_is_its_reason(plugin: Any) -> None:
    def check(config: Any, evidence: Evidence) -> GateResult:
        raise KeyError("income")

    plugin(check)
    assert decided({"gate": "mine"}).gates[0].reason == "The gate raised KeyError: 'income'"


def test_suspicious_probes_are_named_in_the_reason() -> None:
    probe = LeakProbe(name="single feature", value=1, bound=0.99, suspicious=True, detail="")
    assert "single feature" in decided(PASSES, leaks=LeakReport(probes=(probe,))).reason


def test_the_metrics_to_compare_are_those_of_the_gates_each_once() -> None:
    asked = [PASSES, FIRST, FIRST | {"margin": 1}, FIRST | {"metric": "roc_auc"}]
    specs = tuple(GateSpec.model_validate(one) for one in asked)
    assert gates.asked_metrics(specs) == ("accuracy", "roc_auc")

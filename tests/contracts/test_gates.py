"""What every gate must do, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from assay import gates
from assay.artifacts import (
    Blob,
    Comparison,
    Coverage,
    Evaluation,
    Evidence,
    Findings,
    GateResult,
    Interval,
    Membership,
    MetricValue,
    Multiplicity,
    Share,
    Slices,
    Stability,
    from_json,
    to_json,
)
from assay.audit._findings import Tally, _gaps, _group_rows
from assay.evaluation._intervals import wilson
from assay.spec import plugins
from assay.spec.evidence import GateSpec

OPTIONS: dict[str, dict[str, Any]] = {
    "min_metric": {"metric": "accuracy", "at_least": 0.8},
    "max_metric": {"metric": "accuracy", "at_most": 0.9},
    "max_disparity": {"metric": "selection_rate", "sensitive": "sex", "tolerance": 0.1},
    "max_slice_gap": {"tolerance": 0.1},
    "max_multiplicity": {"at_most": 0.1},
    "min_coverage": {"tolerance": 0.05},
    "min_stability": {"at_least": 0.7},
    "max_membership": {"at_most": 0.03},
    "beats_champion": {"metric": "accuracy", "margin": 0.01},
}
NAMES = plugins.names("gate")
NOTHING = Evidence(
    evaluation=Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=0),
    findings=None,
    comparisons=(),
    champion_version=1,
)


def full() -> Evidence:
    """Evidence on which every gate with the options above passes."""
    interval = Interval(value=0.85, low=0.84, high=0.86)
    metric = MetricValue(name="accuracy", fold="test", interval=interval, method="wilson", greater_is_better=True)
    tallies = {sex: {"selection_rate": Tally(4000, 1000)} for sex in ("Female", "Male")}
    rows = _group_rows("sex", tallies, 0.02)
    findings = Findings(
        cells=Blob(uri="", sha256="", n_bytes=0, name=""),
        fold="test",
        groups=tuple(rows),
        gaps=tuple(_gaps("sex", tallies, rows, 0.02)),
        problems=(),
    )
    gain = Interval(value=0.0, low=-0.001, high=0.001)
    comparison = Comparison(champion_version=1, metric="accuracy", difference=gain, n_rows=4000, n_excluded=0)
    return replace(
        NOTHING,
        evaluation=replace(NOTHING.evaluation, metrics=(metric,), n_rows=4000),
        findings=findings,
        comparisons=(comparison,),
        multiplicity=Multiplicity(n_models=5, shares=(of_women(40),)),
        coverage=Coverage(promised=0.9, marginal=(), conditional=(of_women(900),), sizes=()),
        stability=Stability(n_models=4, n_rows=1000, agreement=(("sex", "Female", 1000, of_women(800).interval),)),
        membership=Membership(
            attack="lira", n_shadows=16, n_members=4000, n_others=4000, fpr=0.01, tpr=of_women(11).interval, auc=0.51
        ),
        slices=Slices(error="share of wrong predictions", slices=(), n_explored=9, n_suggested=0, n_rows=4000),
    )


def of_women(k: int) -> Share:
    interval = wilson(k, 1000, 0.95)
    return Share(sensitive="sex", group="Female", what="", k=k, n=1000, interval=interval)


def ask(name: str, evidence: Evidence) -> GateResult:
    spec = GateSpec.model_validate({"gate": name} | OPTIONS[name])
    return gates.decide(evidence, (spec,), True).gates[0]


def test_every_gate_is_held_to_this_contract() -> None:
    assert set(NAMES) == set(OPTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_no_evidence_never_passes(name: str) -> None:
    result = ask(name, NOTHING)
    assert result.verdict in ("ERROR", "INCONCLUSIVE")
    spec = GateSpec.model_validate({"gate": name} | OPTIONS[name])
    assert gates.decide(NOTHING, (spec,), False).outcome != "promote"


@pytest.mark.parametrize("name", NAMES)
def test_full_evidence_passes_with_a_number_between_its_bounds_and_a_bound(name: str) -> None:
    result = ask(name, full())
    assert result.verdict == "PASS", result.reason
    assert result.gate == name
    assert result.bound is not None
    assert result.low <= result.value <= result.high  # type: ignore[operator]


@pytest.mark.parametrize("evidence", [NOTHING, full()], ids=["nothing", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_the_reason_is_a_sentence_and_the_title_a_phrase(name: str, evidence: Evidence) -> None:
    result = ask(name, evidence)
    assert len(result.reason.split()) >= 5
    assert result.reason.endswith(".")
    assert result.title
    assert not result.title.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="colour"):
        plugins.config("gate", name, OPTIONS[name] | {"colour": "red"})


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_option_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        plugins.config("gate", name, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_result_survives_as_json(name: str) -> None:
    result = ask(name, full())
    assert from_json(GateResult, to_json(result)) == result


@pytest.mark.parametrize("name", NAMES)
def test_a_gate_answers_the_same_question_the_same_way(name: str) -> None:
    assert ask(name, full()) == ask(name, full())

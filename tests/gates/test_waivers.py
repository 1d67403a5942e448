"""A waiver changes what is decided, never what was found; and only while everything that it says is so."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from assay import gates
from assay.artifacts import Blob, Decision, Evaluation, Evidence, Findings, Scope
from assay.audit._findings import Tally, _gaps, _group_rows
from assay.spec.evidence import GateSpec
from assay.spec.waivers import WaiverSpec

TITLE = "selection_rate by sex within 0.1"
GATE = GateSpec.model_validate(
    {"gate": "max_disparity", "metric": "selection_rate", "sensitive": "sex", "tolerance": 0.1}
)
SCOPE = Scope(model="adult", data_sha256="ab" * 32, authors=("ann", "ann@example.org"), today="2026-11-24")
WAIVER: dict[str, Any] = {
    "id": "W-1",
    "check": TITLE,
    "groups": ["Female"],
    "reason": "A corrected model is being trained on the data of the new intake; see the ticket.",
    "approver": "bob@example.org",
    "issued": "2026-11-01",
    "expires": "2026-12-31",
    "ceiling": 0.25,
    "model": "adult",
    "data": "ab" * 6,
    "evidence": "RISK-117",
}


def evidence(gap: float = 0.2) -> Evidence:
    """Women are selected less often than men, by this much; a second gate would pass."""
    tallies = {
        "Female": {"selection_rate": Tally(4000, 4000 * (0.4 - gap)), "accuracy": Tally(4000, 3500)},
        "Male": {"selection_rate": Tally(4000, 1600), "accuracy": Tally(4000, 3500)},
    }
    rows = _group_rows("sex", tallies, 0.02)
    blob = Blob(uri="", sha256="", n_bytes=0, name="")
    gaps = tuple(_gaps("sex", tallies, rows, 0.02))
    found = Findings(cells=blob, fold="test", groups=tuple(rows), gaps=gaps, problems=())
    nothing = Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=8000)
    return Evidence(evaluation=nothing, findings=found, comparisons=(), champion_version=0)


PASSING = GateSpec.model_validate({"gate": "max_disparity", "metric": "accuracy", "sensitive": "sex", "tolerance": 0.1})


def decided(scope: Scope = SCOPE, gap: float = 0.2, asked: GateSpec = GATE, **changed: Any) -> Decision:
    waiver = WaiverSpec.model_validate(WAIVER | changed)
    return gates.decide(evidence(gap), (asked, PASSING), False, (waiver,), scope)


def test_a_waiver_that_holds_promotes_and_the_verdict_stays() -> None:
    assert gates.decide(evidence(), (GATE, PASSING), False).outcome == "refuse"
    decision = decided()
    assert decision.outcome == "promote"
    assert decision.gates[0].verdict == "FAIL"
    assert decision.gates[0].waived.startswith("waived until 2026-12-31 by bob@example.org (W-1): A corrected model")
    assert f"Overlooked: {TITLE}, FAIL (waived until 2026-12-31" in decision.reason


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"issued": "2026-10-01", "expires": "2026-11-23"}, "it expired on 2026-11-23"),
        ({"issued": "2026-11-25"}, "it begins on 2026-11-25"),
        ({"approver": "Ann@Example.org "}, "is an author of the run"),
        ({"ceiling": 0.15}, "lies beyond its ceiling, 0.15"),
        ({"ceiling": -0.25}, "lies beyond its ceiling, -0.25"),
        ({"groups": ["Diverse"]}, "it does not cover Male and Female"),
        ({"groups": []}, "it does not cover Male and Female"),
        ({"model": "other"}, "it is for the model 'other'"),
        ({"data": "cd" * 6}, "it is for other data"),
        ({"profile": "ugesp"}, "it is for the profile 'ugesp'"),
    ],
)
def test_a_waiver_that_does_not_hold_blocks_and_says_why(changed: dict[str, Any], why: str) -> None:
    decision = decided(**changed)
    assert decision.outcome == "refuse"
    assert any("Waiver W-1 does not hold" in detail and why in detail for detail in decision.gates[0].detail)
    assert decision.gates[0].waived == ""


def test_the_last_day_counts_and_a_profile_that_is_asked_for_counts() -> None:
    assert decided(replace(SCOPE, today="2026-12-31")).outcome == "promote"
    assert decided(replace(SCOPE, today="2027-01-01")).outcome == "refuse"
    assert decided(replace(SCOPE, profiles=("ugesp",)), profile="ugesp").outcome == "promote"


def test_where_nobody_knows_the_author_nobody_can_approve() -> None:
    assert decided(replace(SCOPE, authors=())).outcome == "refuse"


def test_an_error_and_an_unmatched_title_are_not_waived() -> None:
    unknown = GateSpec.model_validate(
        {"gate": "max_disparity", "metric": "selection_rate", "sensitive": "race", "tolerance": 0.1}
    )
    decision = decided(asked=unknown, check="selection_rate by race within 0.1")
    assert (decision.outcome, decision.gates[0].verdict) == ("refuse", "ERROR")
    assert "cannot be waived" in decision.gates[0].detail[-1]
    assert decided(check="something else").outcome == "refuse"


def test_an_inconclusive_verdict_can_be_waived_and_a_pass_is_left_alone() -> None:
    decision = decided(gap=0.1)
    assert decision.gates[0].verdict == "INCONCLUSIVE"
    assert decision.outcome == "promote"
    assert decided(gap=0.0).gates[0].waived == ""


def test_a_ceiling_lies_on_the_worse_side_of_a_ratio_too() -> None:
    ratio = GateSpec.model_validate(
        {"gate": "max_disparity", "metric": "selection_rate", "sensitive": "sex", "min_ratio": 0.8}
    )
    title = "selection_rate by sex in a ratio of at least 0.8"
    assert decided(asked=ratio, check=title, ceiling=0.4).outcome == "promote"
    assert decided(asked=ratio, check=title, ceiling=0.6).outcome == "refuse"


def test_waivers_alone_speak_for_no_model() -> None:
    waiver = WaiverSpec.model_validate(WAIVER)
    decision = gates.decide(evidence(), (GATE,), False, (waiver,), SCOPE)
    assert decision.outcome == "refuse"
    assert "No gate passed" in decision.reason


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"reason": "we need it"}, "at least 40 characters"),
        ({"expires": "2027-02-15"}, "1 to 90 days"),
        ({"expires": "2026-11-01"}, "1 to 90 days"),
        ({"data": "ab"}, "at least 12"),
        ({"approver": ""}, "at least 1"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_waiver_that_says_too_little_is_refused(changed: dict[str, Any], match: str) -> None:
    with pytest.raises(ValidationError, match=match):
        WaiverSpec.model_validate(WAIVER | changed)


def test_a_server_is_told_when_a_waiver_has_ended() -> None:
    decision = decided()
    assert gates.lapsed(decision, date(2026, 12, 31)) == ()
    assert gates.lapsed(decision, date(2027, 1, 1)) == (f"{TITLE}: FAIL, waived until 2026-12-31",)

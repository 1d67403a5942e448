"""Legal profiles: dated data that become gates while they are in force, and no bound of our own."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from assay import audit
from assay.errors import SpecError
from assay.spec import plugins
from assay.spec.evidence import AuditSpec
from tests.gates.test_waivers import WAIVER

SHIPPED = sorted(path.name.removesuffix(".yaml") for path in files("assay.audit").joinpath("profiles").iterdir())
SPEC = AuditSpec(sensitive=("sex", "race"), crossings=(("sex", "race"),))
TODAY = date(2026, 11, 24)


def test_the_profiles_of_the_page_are_shipped() -> None:
    assert {"ugesp", "nyc_ll144", "eu_ai_act", "nist_ai_rmf", "iso_42001", "ecoa", "colorado_sb205"} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_profile_names_its_source_its_dates_and_what_people_have_to_say(name: str) -> None:
    (profile,) = audit.profiles((name,), Path())
    assert profile.id == name
    assert profile.source
    assert profile.required_fields
    for gate in audit.gates_of((profile,), SPEC, date(2030, 1, 1)):
        plugins.config("gate", gate.gate, gate.options)  # the gate takes these options


def test_a_profile_in_force_asks_its_gate_of_every_column() -> None:
    found = audit.gates_of(audit.profiles(("ugesp",), Path()), SPEC, TODAY)
    assert [(gate.options["sensitive"], gate.options["min_ratio"]) for gate in found] == [("sex", 0.8), ("race", 0.8)]


def test_a_profile_is_asked_only_between_its_dates(tmp_path: Path) -> None:
    text = """
id: mine
version: 3
title: A rule of the house
source: board decision
effective_from: 2026-12-01
effective_to: 2027-12-01
checks: [{gate: max_disparity, metric: accuracy, tolerance: 0.1, over: crossings}]
"""
    (tmp_path / "mine.yaml").write_text(text)
    found = audit.profiles(("mine.yaml",), tmp_path)
    assert audit.gates_of(found, SPEC, TODAY) == ()
    (gate,) = audit.gates_of(found, SPEC, date(2027, 1, 1))
    assert gate.options["sensitive"] == ("sex", "race")
    assert audit.gates_of(found, SPEC, date(2028, 1, 1)) == ()


def test_an_unknown_or_broken_profile_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no 'ugsep'.*nyc_ll144.*Did you mean 'ugesp'"):
        audit.profiles(("ugsep",), tmp_path)
    (tmp_path / "bad.yaml").write_text("id: bad\nversion: one\n")
    with pytest.raises(SpecError) as caught:
        audit.profiles(("bad.yaml",), tmp_path)
    assert len(caught.value.mistakes) == 4  # version, title, source, effective_from


def test_waivers_are_read_from_a_file_and_all_their_mistakes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text(json.dumps([WAIVER, WAIVER | {"id": "W-2"}]))
    assert [waiver.id for waiver in audit.waivers(path)] == ["W-1", "W-2"]
    path.write_text(json.dumps([WAIVER | {"reason": "short"}, WAIVER | {"expires": "2028-01-01"}]))
    with pytest.raises(SpecError) as caught:
        audit.waivers(path)
    assert len(caught.value.mistakes) == 2
    with pytest.raises(SpecError, match="cannot be read"):
        audit.waivers(tmp_path / "nothing.yaml")

"""The section on people: drawn from what the gates saw, and absent where they saw nothing of it."""

from __future__ import annotations

from dataclasses import replace

from assay.artifacts import (
    Coverage,
    Evidence,
    Interval,
    Multiplicity,
    Reliability,
    Share,
    Slice,
    Slices,
)
from assay.reporting._markup import to_html
from assay.reporting._people import people
from tests.reporting.example import evaluation, findings

GAP = Interval(value=0.2, low=0.15, high=0.25)
BARE = Evidence(evaluation=evaluation(), findings=findings(), comparisons=(), champion_version=0)


def share(group: str, what: str) -> Share:
    return Share(
        sensitive="sex", group=group, what=what, k=64, n=100, interval=Interval(value=0.64, low=0.54, high=0.73)
    )


def shown(evidence: Evidence) -> str:
    section = people(evidence)
    assert section is not None
    return to_html(section)


def test_there_is_no_section_where_nothing_was_asked() -> None:
    assert people(None) is None
    assert people(BARE) is None


def test_reliability_is_drawn_per_group_and_says_which_are_left_out() -> None:
    curves = tuple(
        Reliability(sensitive="race", group=f"g{i}", n_rows=(100 - i, 50), foretold=(0.1, 0.8), happened=(0.1, 0.7))
        for i in range(6)
    )
    page = shown(replace(BARE, findings=replace(findings(), reliability=curves)))
    assert "Reliability by race" in page
    assert "The 3 largest of 6 groups." in page
    assert "g2" in page
    assert "g3" not in page


def test_slices_say_what_was_confirmed_and_what_was_not() -> None:
    one = Slice(described="town is <b>", n_rows=400, error=0.4, error_of_rest=0.2, gap=GAP, p=0.001, confirmed=True)
    found = Slices(
        error="share of wrong predictions",
        slices=(one, replace(one, described="age below 20", confirmed=False)),
        n_explored=900,
        n_suggested=12,
        n_rows=8000,
    )
    page = shown(replace(BARE, slices=found))
    assert "town is &lt;b&gt;" in page
    assert "Confirmed" in page
    assert "Not confirmed" in page
    assert "900 slices tried on one half of 8,000 rows" in page


def test_seeds_and_sets_are_shown_per_group() -> None:
    covered = Coverage(
        promised=0.9,
        marginal=(share("Female", ">50K"),),
        conditional=(share("Female", ">50K"),),
        sizes=(("sex", 1.12, 1.2),),
    )
    seeds = Multiplicity(n_models=5, shares=(share("Female", "hangs on the seed"),))
    page = shown(replace(BARE, multiplicity=seeds, coverage=covered))
    assert "5 models that differ in nothing but the seed" in page
    assert "true class in 90.0 % of all cases" in page
    assert "0.640" in page

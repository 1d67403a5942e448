"""Documents hold what was measured and where it stands, and show what nobody has said as a gap."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assay import audit
from assay.artifacts import Documents
from assay.audit._document import Document
from assay.store import Store
from tests.reporting.example import CELLS, Run, run

SAID = {"intended_use": "To show what a report looks like.", "owner": "The <b>team</b> | of *this* project"}


def written(store: Store, said: dict[str, str], profiles: tuple[str, ...] = ()) -> tuple[Documents, dict[str, str]]:
    of: Run = run()
    parts: list[Any] = [of.name, of.snapshot, of.folds, of.profile, of.validation, of.model]
    parts += [of.evaluation, of.findings, of.decision, said, audit.profiles(profiles, Path())]
    made = audit.documents(*parts, store=store)
    return made, {blob.name: store.read(blob).decode() for blob in made.files}


def test_there_are_a_card_a_datasheet_an_annex_and_the_tables_of_the_local_law(store: Store) -> None:
    _, texts = written(store, SAID)
    assert set(texts) == {"model-card.md", "model-card.html", "datasheet.md", "annex-iv.md", "ll144.md"}
    headings = re.findall(r"^## (.*)$", texts["model-card.md"], re.M)
    assert headings[:9] == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]


def test_what_nobody_said_is_a_gap_and_what_somebody_said_is_there(store: Store) -> None:
    made, texts = written(store, SAID)
    assert "Intended use: To show what a report looks like." in texts["model-card.md"]
    assert "Contact: Not filled in" in texts["model-card.md"]
    assert {"contact", "caveats", "post_market_monitoring"} <= set(made.gaps)
    assert "intended_use" not in made.gaps


def test_a_profile_asks_for_its_fields(store: Store) -> None:
    made, texts = written(store, SAID, ("nist_ai_rmf",))
    assert "Asked by: NIST AI Risk Management Framework" in texts["model-card.md"]
    assert "risk_tolerance" in made.gaps
    assert "risk_tolerance" not in written(store, SAID)[0].gaps


def test_every_figure_names_the_file_it_comes_from(store: Store) -> None:
    _, texts = written(store, SAID)
    for line in texts["model-card.md"].splitlines():
        if line.startswith("|") and "---" not in line and not line.endswith("| from |"):  # the body of a table
            assert re.search(r"\.json \|$", line), line


def test_impact_ratios_are_those_of_the_counts(store: Store) -> None:
    _, texts = written(store, SAID)
    by_sex = {
        sex: [sum(counts[i] for cell, counts in CELLS.items() if cell[0] == sex) for i in (0, 2)]
        for sex in ("Male", "Female")
    }
    rates = {sex: selected / n for sex, (n, selected) in by_sex.items()}
    row = next(line for line in texts["ll144.md"].splitlines() if line.startswith("| Female |"))
    assert row.split(" | ")[1:5] == [
        f"{by_sex['Female'][0]:,}",
        f"{by_sex['Female'][1]:,}",
        f"{rates['Female']:.3f}",
        f"{rates['Female'] / rates['Male']:.3f}",
    ]
    small = next(line for line in texts["ll144.md"].splitlines() if line.startswith("| Amer-Indian-Eskimo |"))
    assert "under 2 % of the rows" in small


def test_small_counts_are_not_shown(store: Store) -> None:
    _, texts = written(store, SAID)
    # Four women of a race of 52 are selected, one of another of 63.
    row = next(line for line in texts["ll144.md"].splitlines() if line.startswith("| Female, Amer-Indian-Eskimo |"))
    assert "suppressed" in row
    card = [line for line in texts["model-card.md"].splitlines() if "Female, Amer-Indian-Eskimo" in line]
    assert not any("selection\\_rate" in line for line in card)


def test_words_of_people_cannot_become_markup(store: Store) -> None:
    _, texts = written(store, SAID)
    assert "<b>" not in texts["model-card.html"]
    assert "The \\<b\\>team\\</b\\> \\| of \\*this\\* project" in texts["model-card.md"]
    page = texts["model-card.html"].removeprefix("<!doctype html>\n")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "http" not in re.sub(r"http-equiv", "", page)


@pytest.mark.parametrize("kind", ["as_markdown", "as_html"])
def test_an_empty_document_has_its_title(kind: str) -> None:
    assert "Nothing" in getattr(Document("Nothing", {}), kind)()


def test_a_run_without_groups_has_documents_too(store: Store) -> None:
    of = run().changed(findings=None)
    made = audit.documents(
        of.name, of.snapshot, of.folds, of.profile, of.validation, of.model, of.evaluation, None, of.decision,
        {}, (), store=store,
    )  # fmt: skip
    assert "ll144.md" not in {blob.name for blob in made.files}

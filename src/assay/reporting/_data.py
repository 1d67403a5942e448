"""The data: how they were cut into folds, whether they are what the spec expects, and what is in each column."""

from __future__ import annotations

from assay.artifacts import ColumnProfile, ExpectationResult, Folds, Profile, Severity, Snapshot, ValidationReport
from assay.reporting._format import count, percent, plural, short, without_secrets, words
from assay.reporting._markup import Child, Element
from assay.reporting._parts import badge, folded, note, paragraph, section, stacked, table

_BROKEN: dict[Severity, tuple[str, str, str]] = {"warn": ("unsure", "!", "Warning"), "fail": ("bad", "✕", "Broken")}


def data(snapshot: Snapshot, folds: Folds, validation: ValidationReport, profile: Profile) -> Element:
    """The section of the data."""
    what = f"{plural(snapshot.n_rows, 'row')} and {plural(len(snapshot.columns), 'column')}"
    lead = f"{what} from {without_secrets(snapshot.source.description)}."
    return section("data", "Data", lead, *_folds(folds, snapshot.n_rows), *_validation(validation), _profile(profile))


def _folds(folds: Folds, n_rows: int) -> list[Child]:
    named = {"train": folds.train, "valid": folds.valid, "test": folds.test, "audit": folds.audit}
    rows: list[list[Child]] = [
        [name, count(fold.n_rows), percent(fold.n_rows / max(1, n_rows))] for name, fold in named.items() if fold
    ]
    dropped = f"{plural(folds.n_dropped, 'row')} without a target left out." if folds.n_dropped else ""
    pairs = [f"{plural(n, 'row')} of {pair.replace('/', ' again in ')}" for pair, n in folds.duplicates if n]
    copies = f"The same content in two folds: {', '.join(pairs)}." if pairs else "No row's content is in two folds."
    shown = table("Folds", ["Fold", "Rows", "Share"], rows, (1, 2), class_="narrow")
    return [shown, note(f"How they were made: {folds.how.rstrip('.')}. {dropped} {copies}")]


def _validation(validation: ValidationReport) -> list[Child]:
    results = validation.results
    if not results:
        return [paragraph("The spec expects nothing of the data (validation.expectations).", "note")]
    broken = [result for result in results if not result.passed]
    holding = [result for result in results if result.passed]
    docs = f" The full record of the validation is {validation.docs.name}." if validation.docs else ""
    summary = f"{len(holding)} of {plural(len(results), 'expectation')} hold.{docs}"
    shown = _expectations("Expectations that do not hold", broken) if broken else None
    rest = folded(f"Expectations that hold ({len(holding)})", _expectations("Expectations that hold", holding))
    return [paragraph(summary), shown, rest if holding else None]


def _expectations(caption: str, results: list[ExpectationResult]) -> Element:
    columns = ["Expectation", "Result", "Expected", "Observed", "Unexpected rows"]
    return table(caption, columns, map(_expectation, results), (4,))


def _expectation(result: ExpectationResult) -> list[Child]:
    state = badge("good", "✓", "Holds") if result.passed else badge(*_BROKEN[result.severity])
    examples = f"for example {', '.join(short(value, 40) for value in result.examples)}" if result.examples else ""
    unexpected = stacked(count(result.n_unexpected), f"of {count(result.n_checked)}")
    what = stacked(short(result.column) or "the table", words(result.expectation))
    return [what, state, result.expected, stacked(result.observed, examples), unexpected]


def _profile(profile: Profile) -> Element:
    folds = list(dict.fromkeys(fold for column in profile.columns for fold, _ in column.summary))
    rows = [_column(column, folds, profile.n_rows) for column in profile.columns]
    shown = table("What is in each column, by fold", ["Column", "Missing", "Distinct", *folds], rows, (1, 2))
    return folded(f"Columns ({count(len(rows))})", shown)


def _column(column: ColumnProfile, folds: list[str], n_rows: int) -> list[Child]:
    summary = dict(column.summary)
    missing = stacked(count(column.n_null), percent(column.n_null / max(1, n_rows)) if column.n_null else "")
    name = stacked(short(column.name), column.kind)
    return [name, missing, count(column.n_unique), *(summary.get(fold, "–") for fold in folds)]

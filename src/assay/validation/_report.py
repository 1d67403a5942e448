"""From the answers of Great Expectations to a report, and from a failed report to an error."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from assay.artifacts import FOLD_COLUMN, ExpectationResult, Snapshot, ValidationReport
from assay.errors import MAX_EXAMPLES, DataError, ValidationFailed
from assay.spec.data import ExpectationSpec, ValidationSpec
from assay.store import Store
from assay.validation import _child, _docs, _plan

Answer = dict[str, Any]


def validate(snapshot: Snapshot, config: ValidationSpec, personal: tuple[str, ...], store: Store) -> ValidationReport:
    """See `assay.validation.validate`."""
    if not config.expectations:
        return ValidationReport(passed=True, results=())
    numbered = enumerate(config.expectations, 1)
    questions = [_plan.question(number, spec, snapshot.columns, personal) for number, spec in numbered]
    request = {
        "table": str(store.path(snapshot.table).absolute()),
        "n_rows": snapshot.n_rows,
        "schema": {column.name: _plan.dtype(column) for column in snapshot.columns if column.name != FOLD_COLUMN},
        "questions": [asdict(question) for question in questions],
    }
    answers = _child.ask(request, personal=any(question.personal for question in questions))
    results = tuple(
        _result(number, spec, answer, snapshot)
        for number, (spec, answer) in enumerate(zip(config.expectations, answers, strict=True), 1)
    )
    passed = all(result.passed or result.severity == "warn" for result in results)
    report = ValidationReport(passed=passed, results=results)
    page = _docs.page(report, snapshot).encode()
    return ValidationReport(passed=passed, results=results, docs=store.put(page, "data-docs.html"))


def failure(report: ValidationReport) -> ValidationFailed:
    """See `assay.validation.failure`."""
    failed = [result for result in report.results if not result.passed and result.severity == "fail"]
    count = "1 expectation of the data does" if len(failed) == 1 else f"{len(failed)} expectations of the data do"
    return ValidationFailed("\n".join([f"{count} not hold:", *(f"- {_line(result)}" for result in failed)]))


def _line(result: ExpectationResult) -> str:
    where = f"column {result.column!r}: " if result.column else ""
    shown = f" Examples: {', '.join(result.examples)}." if result.examples else ""
    return f"{where}{result.expectation}: expected {result.expected}; found {result.observed}.{shown}"


def _result(number: int, spec: ExpectationSpec, answer: Answer, snapshot: Snapshot) -> ExpectationResult:
    if "error" in answer:
        raise DataError(
            f"validation.expectations[{number}] ({spec.type}) cannot be asked of column {spec.column!r}. "
            f"{answer['error']}".rstrip()
        )
    column = snapshot.column(spec.column) if spec.column else None
    n_present = snapshot.n_rows - (column.n_null if column else 0)
    n_checked = snapshot.n_rows if spec.type == "not_null" else n_present
    n_unexpected, passed = answer["n_unexpected"] or 0, answer["passed"]
    if spec.type == "type" and column is not None and not passed:
        passed, n_unexpected = _as_type(column.kind == "numeric", answer["n_unexpected"], n_checked)
    return ExpectationResult(
        expectation=spec.type,
        column=spec.column or "",
        severity=spec.severity,
        passed=passed,
        n_unexpected=n_unexpected,
        n_checked=n_checked,
        observed=_observed(spec, answer, n_unexpected, n_checked, column.arrow_type if column else ""),
        expected=_expected(spec),
        examples=tuple(_cut(value) for value in answer["examples"][:MAX_EXAMPLES]),
    )


def _as_type(is_numeric: bool, n_unlike: int | None, n_checked: int) -> tuple[bool, int]:
    """Whether a column of another type passes after all, and how many rows are at fault.

    Whole numbers that a file holds as floats are integers. Text is no number even where every value looks like one:
    then all rows are at fault.
    """
    if n_unlike == 0 and is_numeric:
        return True, 0
    return False, n_unlike or n_checked


def _observed(spec: ExpectationSpec, answer: Answer, n_unexpected: int, n_checked: int, type_there: str) -> str:
    """What was found, in words."""
    found = answer["observed"]
    if spec.type == "row_count":
        return f"{n_checked:,} rows"
    if spec.type == "distribution":
        return "a distance that is not finite" if found is None else f"a distance of {found:.4g}"
    if spec.type == "columns":
        words = {"missing": "missing", "unexpected": "not expected"}
        differences = found if isinstance(found, dict) else {}
        return "; ".join(f"{words[key]}: {', '.join(names)}" for key, names in differences.items()) or "these columns"
    share = f" ({n_unexpected / n_checked:.2%})" if n_unexpected else ""
    otherwise = f"otherwise in {n_unexpected:,} of {n_checked:,} rows{share}"
    return f"type {type_there}, {otherwise}" if spec.type == "type" else otherwise


def _expected(spec: ExpectationSpec) -> str:
    """The expectation in words."""
    mostly = f" in at least {100 * spec.mostly:.6g} % of rows" if spec.mostly < 1 else ""
    low, high = (f"{bound:,.10g}" if bound is not None else "" for bound in (spec.min, spec.max))
    bounds = f"between {low} and {high}" if low and high else f"at least {low}" if low else f"at most {high}"
    words = {
        "type": f"type {spec.is_}",
        "not_null": "a value",
        "between": f"values {bounds}",
        "in_set": f"one of {', '.join(map(str, spec.values or ()))}",
        "regex": f"text that matches {spec.pattern}",
        "unique": "no value twice",
        "row_count": f"{bounds} rows",
        "columns": f"exactly the columns {', '.join(map(str, spec.values or ()))}",
        "distribution": f"at most {_plan.DEFAULT_DISTANCE if spec.max is None else spec.max:g} from the reference "
        "(Kullback-Leibler divergence, nats)",
    }
    return _cut(words[spec.type], 500) + mostly


def _cut(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

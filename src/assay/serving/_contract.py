"""What the spec expects of the data, held against single rows.

Expectations of whole columns (distribution, unique, counts) say nothing of a row. One that allows some rows to differ
(`mostly` below 1), or that only warns, refuses no row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from assay.artifacts import Column
from assay.preprocessing._given import text
from assay.spec.data import ExpectationSpec, ValidationSpec

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of one column: whether a value holds it, and what is allowed, in words."""

    column: str
    holds: Callable[[Any], bool]
    allowed: str

    def reason(self, value: Any) -> str:
        """Why `value` is refused."""
        return f"{self.column}: {value!r:.60}. Allowed: {self.allowed}."


class Contract:
    """All expectations that a row can be held against."""

    def __init__(self, expectations: ValidationSpec, columns: tuple[Column, ...]) -> None:
        by_name = {column.name: column for column in columns}
        self._is_number = {column.name: column.kind == "numeric" for column in columns}
        self._checks = tuple(
            check
            for spec in expectations.expectations
            if spec.column in by_name and spec.severity == "fail" and spec.mostly == 1
            for check in _checks(spec, by_name[spec.column])
        )

    def refusals(self, row: Row) -> list[str]:
        """Why `row` is refused: every expectation that does not hold. Empty when all do."""
        return [check.reason(row[check.column]) for check in self._checks if not check.holds(row[check.column])]

    def refused(self, table: pa.Table) -> pa.Array:
        """For each row of a table the reasons, joined, or null: what `refusals` says of it."""
        names = list(dict.fromkeys(check.column for check in self._checks))
        reasons: list[str | None] = [None] * len(table)
        for name in names:
            checks = [check for check in self._checks if check.column == name]
            column = table.column(name)
            encoded = column.combine_chunks().dictionary_encode() if len(column) else column
            # Asked once for every value that there is, not for every row.
            values = [*encoded.dictionary.to_pylist(), None] if len(column) else []
            failed = [_failed(checks, value, self._is_number[name]) for value in values]
            if not any(failed):
                continue
            for row, place in enumerate(encoded.indices.fill_null(len(values) - 1).to_pylist()):
                if failed[place]:
                    reasons[row] = f"{reasons[row]} {failed[place]}" if reasons[row] else failed[place]
        return pa.array(reasons, pa.string())


def _failed(checks: list[Check], value: Any, is_number: bool) -> str:
    if value is not None and is_number:
        value = float(value)
        value = None if value != value else value
    return " ".join(check.reason(value) for check in checks if not check.holds(value))


def _checks(spec: ExpectationSpec, column: Column) -> Iterable[Check]:
    """The expectation as a check; none where it is of the whole column. Missing values are seen by `not_null` alone."""
    name = column.name
    match spec.type:
        case "not_null":
            yield Check(name, lambda value: value is not None, "a value")
        case "between":
            low, high = spec.min, spec.max
            yield Check(
                name,
                _present(lambda value: (low is None or value >= low) and (high is None or value <= high)),
                f"{'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}",
            )
        case "in_set":
            as_numbers = column.kind == "numeric"
            known = frozenset(float(v) if as_numbers else _as_text(v) for v in spec.values or ())
            shown = ", ".join(str(value) for value in (spec.values or ())[:20])
            yield Check(name, _present(lambda value: (float(value) if as_numbers else text(value)) in known), shown)
        case "regex":
            pattern = re.compile(str(spec.pattern))
            yield Check(
                name,
                _present(lambda value: pattern.search(text(value) or "") is not None),
                f"what matches {spec.pattern}",
            )
        case "type" if spec.is_ == "integer" and column.kind == "numeric":
            yield Check(name, _present(lambda value: float(value).is_integer()), "a whole number")


def _present(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


def _as_text(value: str | float | bool) -> str:
    """A value of the spec as it stands in a column of texts, as in validation."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.17g}" if isinstance(value, float) else str(value)

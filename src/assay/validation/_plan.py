"""Expectations of a spec as questions to Great Expectations: plain data, made without importing it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assay.artifacts import Column
from assay.errors import DataError, did_you_mean
from assay.spec.data import ExpectationSpec

DEFAULT_DISTANCE = 0.1
_TAIL_SHARE = 1e-3  # of the reference, set apart for values that it does not name, so that the distance stays finite

_DTYPES = {
    "number": ["int64", "float64"],
    "integer": ["int64"],
    "string": ["StringDtype"],
    "boolean": ["bool"],
    "datetime": ["datetime64[us]"],
}
# How text of a type is written: tells which rows are at fault when the column as a whole has another type.
_WRITTEN = {
    "number": r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$",
    "integer": r"^\s*[-+]?\d+(\.0*)?\s*$",
    "boolean": r"^(true|false)$",
    "datetime": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$",
}


@dataclass(frozen=True)
class Question:
    """One expectation under its name in Great Expectations.

    `frame` says what it is asked of: the `values` of its column, the `schema` (all columns, no rows) or the `rows`
    (no columns). `counted_by`, a pattern, counts the rows at fault where the answer itself does not.
    """

    name: str
    options: dict[str, Any]
    frame: Literal["values", "schema", "rows"]
    column: str = ""
    personal: bool = False
    counted_by: str = ""


def question(number: int, spec: ExpectationSpec, columns: Sequence[Column], personal: tuple[str, ...]) -> Question:
    """What to ask for the `number`-th expectation. Raises DataError when it makes no sense for its column."""
    where = f"validation.expectations[{number}] ({spec.type})"
    if spec.type == "row_count":
        low, high = (None if bound is None else int(bound) for bound in (spec.min, spec.max))
        return Question("ExpectTableRowCountToBeBetween", {"min_value": low, "max_value": high}, "rows")
    if spec.type == "columns":
        names = [str(name) for name in spec.values or ()]
        return Question("ExpectTableColumnsToMatchSet", {"column_set": names, "exact_match": True}, "schema")
    column = _column(spec, columns, where)
    name, options = _ASKED[spec.type](spec, column, where)
    counted_by = ""
    if spec.type == "type" and column.kind != "datetime":
        counted_by = _WRITTEN.get(str(spec.is_), "")
    if spec.type not in ("type", "distribution"):
        options["mostly"] = spec.mostly
    return Question(
        name=name,
        options={"column": column.name, **options},
        frame="schema" if spec.type == "type" else "values",
        column=column.name,
        personal=column.name in personal,
        counted_by=counted_by,
    )


def dtype(column: Column) -> str:
    """The pandas type that stands for a column's type in the schema frame."""
    if column.kind == "datetime":
        return "datetime64[us]"
    if column.kind in ("image", "series"):
        return "object"
    if column.kind == "categorical":
        return "bool" if column.arrow_type == "bool" else "string"
    return "int64" if re.match("u?int", column.arrow_type) else "float64"


def _column(spec: ExpectationSpec, columns: Sequence[Column], where: str) -> Column:
    names = [column.name for column in columns]
    if spec.column not in names:
        raise DataError(
            f"{where}: there is no column {spec.column!r}. Allowed: {', '.join(names[:50])}. "
            f"{did_you_mean(str(spec.column), names)}".rstrip()
        )
    return columns[names.index(spec.column)]


def _numeric(spec: ExpectationSpec, column: Column, where: str, what: str) -> None:
    if column.kind != "numeric":
        raise DataError(
            f"{where}: column {column.name!r} is {column.kind} ({column.arrow_type}). "
            f"Allowed: {what} of a numeric column."
        )


def _type(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToBeInTypeList", {"type_list": _DTYPES[str(spec.is_)]}


def _not_null(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToNotBeNull", {}


def _unique(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToBeUnique", {}


def _between(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    _numeric(spec, column, where, "bounds")
    return "ExpectColumnValuesToBeBetween", {"min_value": spec.min, "max_value": spec.max}


def _in_set(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToBeInSet", {"value_set": [_value(value, column, where) for value in spec.values or ()]}


def _regex(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToMatchRegex", {"regex": spec.pattern}


def _distribution(spec: ExpectationSpec, column: Column, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(spec.reference, dict):
        total = sum(spec.reference.values())
        values = [_value(value, column, where) for value in spec.reference]
        partition = {"values": values, "weights": [share / total for share in spec.reference.values()]}
    else:
        edges = list(spec.reference or ())
        _numeric(spec, column, where, "quantile edges")
        partition = {"bins": edges, "weights": [1 / (len(edges) - 1)] * (len(edges) - 1)}
    distance = DEFAULT_DISTANCE if spec.max is None else spec.max
    return "ExpectColumnKLDivergenceToBeLessThan", {
        "partition_object": partition,
        "threshold": distance,
        "tail_weight_holdout": _TAIL_SHARE,
    }


_ASKED = {
    "type": _type,
    "not_null": _not_null,
    "between": _between,
    "in_set": _in_set,
    "regex": _regex,
    "unique": _unique,
    "distribution": _distribution,
}


def _value(value: str | float | bool, column: Column, where: str) -> str | float:
    """A value of the spec as it stands in the column: text (booleans are `true`, `false`) or a number."""
    if column.kind == "datetime":
        raise DataError(f"{where}: column {column.name!r} holds times. Allowed: a set of text or numbers.")
    if column.kind == "categorical":
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.17g}" if isinstance(value, float) else value
    try:
        return float(value)
    except ValueError:
        raise DataError(f"{where}: {value!r} is no number, and column {column.name!r} is numeric.") from None

"""What a spec says of single columns, held against what a glance at the data shows of them."""

from __future__ import annotations

from collections.abc import Iterator

from assay.data import Look
from assay.errors import Mistake
from assay.pipeline._answers import Names, unknown
from assay.spec import Spec
from assay.spec.evidence import MOST_NUMBERS


def unknown_columns(spec: Spec, names: Names) -> Iterator[Mistake]:
    """Columns that the spec names and the data do not have. Those of `preprocessing` it checks itself."""
    asked: dict[str, str] = {"target.column": spec.target.column}
    for where, wanted in (
        ("features.include", spec.features.include or ()),
        ("features.exclude", spec.features.exclude),
        ("personal", spec.personal),
        ("audit.sensitive", spec.audit.columns),
        ("audit.data.quasi_identifiers", spec.audit.data.quasi_identifiers if spec.audit.data else ()),
    ):
        asked |= {f"{where}.{position}": name for position, name in enumerate(wanted)}
    if isinstance(column := spec.split.options.get("column"), str):
        asked["split.column"] = column
    if spec.audit.data is not None and spec.audit.data.strata is not None:
        asked["audit.data.strata"] = spec.audit.data.strata
    for position, expectation in enumerate(spec.validation.expectations):
        if expectation.column is not None:
            asked[f"validation.expectations.{position}.column"] = expectation.column
    for where, name in asked.items():
        if name not in names:
            yield unknown(where, f"the data have no column {name!r}", name, names)
    yield from _of_audit(spec, names)


def _of_audit(spec: Spec, names: Names) -> Iterator[Mistake]:
    """Reference populations of what is not audited, and reasons of columns that the model does not see."""
    audited = spec.audit.features
    for name in spec.audit.data.reference if spec.audit.data else ():
        if name not in audited:
            yield unknown(f"audit.data.reference.{name}", f"the audit does not look at {name!r}", name, audited)
    seen, explain = spec.feature_columns(names), spec.audit.explain
    for part, columns in (("codes", explain.codes), ("mutable", explain.mutable)) if explain else ():
        for name in columns:
            if name not in seen:
                yield unknown(f"audit.explain.{part}.{name}", f"the model does not see {name!r}", name, seen)


def target(spec: Spec, seen: Look) -> Iterator[Mistake]:
    """Whether the target is of the kind that the task predicts, and has the positive class."""
    column = next((column for column in seen.columns if column.name == spec.target.column), None)
    if column is None or not seen.exact:
        return
    where, classes = f"column {column.name!r}", classes_of(spec, seen)
    if spec.task == "regression" and column.kind != "numeric":
        hint = "Write `task: classification` to predict which of several values it has."
        yield Mistake(where="target.column", found=f"{where} is {column.kind}", allowed="numbers", hint=hint)
    if spec.task == "classification" and column.kind == "datetime":
        yield Mistake(where="target.column", found=f"{where} is a time", allowed="text, booleans or numbers")
    if len(classes) == 1:
        found = f"{where} has one class, {classes[0]!r}, in every row"
        yield Mistake(where="target.column", found=found, allowed="at least two classes")
        return
    adverse = spec.audit.explain.adverse if spec.audit.explain else None
    if adverse is not None and classes and adverse not in classes:
        yield unknown("audit.explain.adverse", f"{where} has no value {adverse!r}", adverse, classes)
    positive = spec.target.positive
    if positive is None or not classes:
        return
    if positive not in classes:
        yield unknown("target.positive", f"{where} has no value {positive!r}", positive, classes)
    elif len(classes) > 2:
        found = f"a positive class, and {where} has {len(classes)} of them"
        yield Mistake(where="target.positive", found=found, allowed="null: it is of tasks with two classes")


def split(spec: Spec, seen: Look) -> Iterator[Mistake]:
    """Whether the split finds what it goes by."""
    options, column = spec.split.options, str(spec.split.options.get("column", ""))
    kinds = {each.name: each.kind for each in seen.columns}
    if spec.split.by == "files" and not isinstance(spec.data.options.get("path"), dict):
        allowed = "`data: {path: {train: .., test: ..}}`, or another split"
        yield Mistake(where="split.by", found="`files`, and `data.path` is not split", allowed=allowed)
    if spec.split.by == "time" and kinds.get(column) == "categorical":
        yield Mistake(where="split.column", found=f"column {column!r} is text", allowed="numbers, dates or times")
    if spec.split.by != "column" or column not in seen.values:
        return
    there = seen.values[column]
    for fold, default in (("train", "train"), ("test", "test"), ("valid", ()), ("audit", ())):
        named = options.get(fold, default)
        for value in (named,) if isinstance(named, str) else named:
            if str(value) not in there:
                yield unknown(f"split.{fold}", f"column {column!r} has no value {value!r}", str(value), there)


def sensitive(spec: Spec, seen: Look) -> Iterator[Mistake]:
    """Numbers too many to be groups, and edges that cut no numbers."""
    kinds = {column.name: column.kind for column in seen.columns} if seen.exact else {}
    for position, entry in enumerate(spec.audit.sensitive):
        name, edges = (entry, None) if isinstance(entry, str) else (entry.column, entry.edges)
        where, n_values = f"audit.sensitive.{position}", len(seen.values.get(name, ()))
        if edges is not None and kinds.get(name, "numeric") != "numeric":
            found = f"column {name!r} is {kinds[name]}"
            yield Mistake(where=f"{where}.edges", found=found, allowed="a column of numbers to cut, or no `edges`")
        if edges is None and kinds.get(name) == "numeric" and n_values > MOST_NUMBERS:
            found = f"column {name!r} has {n_values:,} different numbers"
            hint = f"Write {{column: {name}, edges: [...]}} to cut it into groups."
            yield Mistake(where=where, found=found, allowed=f"at most {MOST_NUMBERS}, or `edges`", hint=hint)


def classes_of(spec: Spec, seen: Look) -> Names:
    """The classes of the target; empty in regression, and where a glance does not show them."""
    return seen.values.get(spec.target.column, ()) if spec.task == "classification" else ()

"""A first spec for a file, guessed: what to predict, how to split, what to leave out, what to expect of the data.

Everything here is a suggestion for a person to read, with the reason beside it. Expectations are read off the rows
that the suggested split trains on, so that the spec does not describe rows that no stage may look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import Column, Task
from assay.data import _ingest, _look
from assay.data._hash import n_distinct
from assay.data.splitters import _draw
from assay.errors import DataError
from assay.spec import plugins
from assay.spec.data import DataSpec, SplitSpec, TargetSpec

_PREDICTED = ("numeric", "categorical")
_MAX_CLASSES = 20  # a number with more values than these is taken for a quantity
_MAX_LEVELS = 50  # a set with more levels than these is not written down
_TARGETS = re.compile(
    r"^(target|label|class|y|outcome|income|price|churn(ed)?|survived|default|diagnosis|response)$", re.I
)
_TARGET_ENDINGS = re.compile(r"(^|_)(target|label|class|outcome|price|demand|sales|delay|rating|score|kind)$", re.I)
_CALENDAR = re.compile(r"^(year|month|week|weekday|day|hour|minute|second|date|time)(_.*)?$", re.I)
_SPLITS = re.compile(r"^(split|fold|subset|partition|set)$", re.I)
_IDS = re.compile(r"^(id|uuid|index|row(_?(id|number))?|.+_id|unnamed.*)$", re.I)
_PERSONAL = re.compile(
    r"(^|_)((first|last|full|sur|user|middle)?_?name|e?_?mail|phone|mobile|address|street|ssn|passport|iban|birth(day|date)?|dob)(_|$)",
    re.I,
)
_SENSITIVE = re.compile(r"^(sex|gender|race|ethnicity|religion|disability|nationality|marital_status|age)$", re.I)
_LOOKS_PERSONAL = (r"^[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}$", r"^\+?[0-9][0-9 ()/.-]{7,}[0-9]$")
_TELLS = 0.85  # a correlation with the target above which one asks whether a column is known before it
_POSITIVE = ("yes", "true", "1", "positive", "y", "t")


def describe(path: Path, seed: int) -> dict[str, Any]:
    """What a spec for the file at `path` would say.

    Keys: `data`, `task`, `target`, `split`, `features`, `personal`, `sensitive`, `expectations` as in a spec;
    `signal`, kind and name of the first image or series; `columns`, one dict of name, kind, n_null and n_unique each;
    `dates`, the columns of text that holds dates; `told_by`, columns that nearly tell the target alone, with their
    correlation; `n_rows`; `reasons`, a sentence for each guess.
    """
    config = DataSpec.model_validate({"source": "file", "path": str(path)})
    table = _ingest.read(config, Path.cwd())
    columns = {column.name: column for column in _ingest.columns_of(table)}
    n_unique = {name: n_distinct(table.column(name).combine_chunks()) for name in columns}
    split = _split(table, columns)
    personal = [name for name, column in columns.items() if _is_personal(column, table)]
    ids = [n for n, c in columns.items() if n not in personal and _is_id(c, n_unique[n], table.num_rows)]
    target, why_target = _target(table, columns, n_unique, [*personal, *ids, str(split.get("column"))])
    task: Task = "classification" if _is_class(columns[target], n_unique[target]) else "regression"
    train = _train_rows(table, split, target, task, seed)
    positive = _positive(train.column(target)) if n_unique[target] == 2 and task == "classification" else None
    reasons = _reasons(columns[target], n_unique[target], why_target, split, train.num_rows)
    return {
        "data": {"path": str(path)},
        "task": task,
        "target": {"column": target, **({"positive": positive} if positive is not None else {})},
        "split": split,
        "features": {"exclude": [name for name in columns if name in (*personal, *ids) and name != target]},
        "signal": next(((c.kind, name) for name, c in columns.items() if c.kind in ("image", "series")), None),
        "personal": personal,
        "sensitive": [n for n, c in columns.items() if _SENSITIVE.match(n) and c.kind == "categorical" and n != target],
        "expectations": list(_expectations(train, columns, target, task, [*personal, str(split.get("column"))], ids)),
        "columns": [
            {"name": name, "kind": column.kind, "n_null": column.n_null, "n_unique": n_unique[name]}
            for name, column in columns.items()
        ],
        "dates": [
            name
            for name, column in columns.items()
            if column.arrow_type == "string" and name not in personal and _look.is_written_date(table.column(name))
        ],
        "n_rows": table.num_rows,
        "told_by": _told_by(train, columns, target) if task == "regression" else {},
        "reasons": reasons,
    }


def _reasons(target: Column, n_unique: int, why_target: str, split: dict[str, Any], n_train: int) -> dict[str, str]:
    """A sentence for each guess."""
    return {
        "target": why_target,
        "task": f"{target.name!r} holds {n_unique:,} different values of type {target.arrow_type}",
        "split": _why_split(split),
        "personal": "names or values that look like a person's name, address, e-mail or phone number",
        "exclude": "identifiers: a value of its own in nearly every row",
        "sensitive": "columns that the law of many places protects; the audit can look at them",
        "expectations": f"read off the {n_train:,} train rows; those that other rows may break only warn",
    }


def _split(table: pa.Table, columns: dict[str, Column]) -> dict[str, Any]:
    """The column that names folds, where there is one; else a random draw."""
    for name, column in columns.items():
        if _SPLITS.match(name) and column.kind == "categorical" and not column.n_null:
            values = {value.lower(): value for value in table.column(name).unique().to_pylist()}
            words = {"train": ("train", "training"), "valid": ("valid", "validation", "val", "dev"), "test": ("test",)}
            named = {fold: values[word] for fold, those in words.items() for word in those if word in values}
            if {"train", "test"} <= named.keys() and len(named) == len(values):
                return {"by": "column", "column": name, **named}
    for name, column in columns.items():
        if column.kind == "datetime" and not column.n_null and not _PERSONAL.search(name):
            return {"by": "time", "column": name}
    return {"by": "random"}


def _why_split(split: dict[str, Any]) -> str:
    if split["by"] == "time":
        return f"rows have a time, {split['column']!r}, and what came later is what a model meets in use"
    return f"column {split['column']!r} names the folds" if "column" in split else "no column names the folds"


def _told_by(train: pa.Table, columns: dict[str, Column], target: str) -> dict[str, float]:
    """The numeric columns that nearly tell a numeric target alone, with their correlation in the train rows."""
    found = {}
    y_N = train.column(target).cast(pa.float64()).to_numpy()
    for name in (name for name, column in columns.items() if column.kind == "numeric" and name != target):
        x_N = train.column(name).cast(pa.float64()).to_numpy()
        both = np.isfinite(x_N) & np.isfinite(y_N)
        if both.sum() > 2 and x_N[both].std() > 0 and y_N[both].std() > 0:
            r = float(np.corrcoef(x_N[both], y_N[both])[0, 1])
            if abs(r) >= _TELLS:
                found[name] = round(r, 2)
    return found


def _is_personal(column: Column, table: pa.Table) -> bool:
    if column.kind != "categorical":
        return False
    if _PERSONAL.search(column.name):
        return True
    sample = table.column(column.name).unique().drop_null().slice(0, 1000).cast(pa.string())
    alike = max((pc.sum(pc.match_substring_regex(sample, pattern)).as_py() or 0) for pattern in _LOOKS_PERSONAL)
    return bool(alike > len(sample) / 2)


def _is_id(column: Column, n_unique: int, n_rows: int) -> bool:
    """A value of its own in every row (or nearly, when the name says so), and no measurement."""
    whole = column.kind == "categorical" or column.arrow_type.lstrip("u").startswith("int")
    return whole and n_rows >= 20 and n_unique >= n_rows * (0.9 if _IDS.match(column.name) else 1.0)


def _target(
    table: pa.Table, columns: dict[str, Column], n_unique: dict[str, int], hidden: list[str]
) -> tuple[str, str]:
    """The column to predict, and why: by its name, or the last of those that can be predicted at all."""
    usable = [n for n, c in columns.items() if n not in hidden and n_unique[n] > 1 and c.kind in _PREDICTED]
    usable = [n for n in usable if columns[n].kind != "categorical" or n_unique[n] <= _MAX_LEVELS]
    if not usable:
        raise DataError(
            "No column can be predicted: each is an identifier, personal, a time, free text or always the same."
        )
    named = [name for name in usable if _TARGETS.match(name)]
    ending = [name for name in usable if _TARGET_ENDINGS.search(name)]
    if named or ending:
        return named[0] if named else ending[-1], "a column of this name is mostly what is asked for"
    told = [name for name in usable if not _CALENDAR.match(name)]
    return (told or usable)[-1], "no name says which, so the last column that can be predicted was taken"


def _is_class(column: Column, n_unique: int) -> bool:
    whole = column.arrow_type.lstrip("u").startswith("int")
    return column.kind == "categorical" or (whole and n_unique <= _MAX_CLASSES) or n_unique == 2


def _positive(target: pa.ChunkedArray) -> str:
    """The class that says yes, or the rarer one."""
    counts = {str(row["values"]): row["counts"] for row in pc.value_counts(target.drop_null()).to_pylist()}
    said = [name for name in counts if name.lower() in _POSITIVE]
    return said[0] if len(said) == 1 else min(counts, key=lambda name: (counts[name], name))


def _train_rows(table: pa.Table, split: dict[str, Any], target: str, task: Task, seed: int) -> pa.Table:
    """The rows that the suggested split trains on."""
    spec = SplitSpec.model_validate(split)
    options = plugins.checked("splitter", spec.by, spec.options, "split")
    folds = plugins.load("splitter", spec.by).assign(options, table, TargetSpec(column=target), task, seed)
    return table.take(pa.array(np.flatnonzero(folds == _draw.TRAIN)))


def _expectations(
    train: pa.Table, columns: dict[str, Column], target: str, task: Task, hidden: list[str], ids: list[str]
) -> Iterator[dict[str, Any]]:
    """Expectations of a spec that hold for the train rows. The values of `hidden` columns are not looked at."""
    yield {"type": "row_count", "min": train.num_rows}
    yield {"type": "columns", "values": list(columns)}
    for name, column in columns.items():
        values = train.column(name)
        present = values.drop_null()
        if not len(present):
            continue
        if column.kind in ("image", "series"):
            yield {"type": "not_null", "column": name}
            continue
        yield {"type": "type", "column": name, "is": _type(column)}
        share = len(present) / len(values)
        if share == 1:
            yield {"type": "not_null", "column": name, "severity": "warn"}
        else:
            yield {"type": "not_null", "column": name, "mostly": max(0.01, round(share * 0.9, 2)), "severity": "warn"}
        if name in ids:
            yield {"type": "unique", "column": name, "severity": "warn"}
        elif name in hidden:
            continue
        elif column.kind == "numeric" and not (name == target and task == "classification"):
            low, high = pc.min_max(present).as_py().values()
            yield {"type": "between", "column": name, "min": low, "max": high, "severity": "warn"}
        elif column.kind != "datetime" and len(levels := present.unique()) <= _MAX_LEVELS:
            yield {"type": "in_set", "column": name, "values": sorted(levels.to_pylist()), "severity": "warn"}


def _type(column: Column) -> str:
    if column.kind == "datetime":
        return "datetime"
    if column.kind == "categorical":
        return "boolean" if column.arrow_type == "bool" else "string"
    return "integer" if column.arrow_type.lstrip("u").startswith("int") else "number"

"""Whether a spec fits its data: what it names has to be there, and what it asks has to have an answer.

Asked twice: at a glance at the source, before anything runs, and again when all of it has been read, since not every
source can be looked at without reading it. Paths of the spec are written with dots here; lines are added at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from assay import data, models, preprocessing, validation
from assay.artifacts import Column, Preprocessing, Snapshot
from assay.data import Look
from assay.errors import Mistake, SpecError
from assay.pipeline import _answers
from assay.pipeline._answers import Names, of_message, unknown
from assay.spec import Spec, loading


def look(spec: Spec, *, query: bool = False) -> Look | None:
    """A glance at the data, and at the columns of which the spec names values. None: there is no cheap one."""
    columns = [spec.target.column, str(spec.split.options.get("column", ""))]
    return data.look(spec.data, spec.root, tuple(dict.fromkeys(columns)), query=query)


def check(spec: Spec, seen: Look | None) -> list[Mistake]:
    """Every mistake in `spec` that its data tell, or that needs no data but the parts that answer; with their lines."""
    found = [*_code(spec), *_answers.unaudited(spec)]
    if seen is not None:
        found += [*_of_data(spec, seen), *_answers.of_metrics(spec, _classes(spec, seen))]
    else:
        found += _answers.of_metrics(spec, ())
    return loading.in_order([_placed(spec, mistake) for mistake in found])


def notes(spec: Spec, seen: Look) -> tuple[str, ...]:
    """What is no mistake, and what a person may not have meant."""
    features = set(spec.feature_columns(tuple(column.name for column in seen.columns)))
    own = spec.preprocessing.columns
    return tuple(
        f"{name!r} holds dates as text, and is taken as a category. To make times of it write "
        f"`preprocessing: {{columns: {{{json.dumps(name)}: {{kind: datetime}}}}}}`."
        for name in seen.dates
        if name in features and (name not in own or own[name].kind is None)
    )


def check_source(spec: Spec) -> None:
    """Raise SpecError with everything that a glance at the source tells. DataError where there is nothing to read."""
    found = check(spec, look(spec))
    if found:  # then whatever else is wrong is told with it, although it may take the import of a model family
        raise SpecError.of(together(loading.option_mistakes(spec), found))


def together(first: Iterable[Mistake], second: Iterable[Mistake]) -> list[Mistake]:
    """Both in the order of the file; of two about the same place the first alone."""
    kept = list(first)
    known = {mistake.where for mistake in kept}
    return loading.in_order([*kept, *(mistake for mistake in second if mistake.where not in known)])


def feature_columns(spec: Spec, snapshot: Snapshot) -> tuple[Column, ...]:
    """The columns that the model sees. Raises SpecError for columns that the spec names and the data do not have."""
    if snapshot:  # a plan may not know the data yet
        _raise(check(spec, Look(columns=snapshot.columns, values={})))
    seen = set(spec.feature_columns(tuple(column.name for column in snapshot.columns)))
    return tuple(column for column in snapshot.columns if column.name in seen)


def gates_can_answer(spec: Spec, prepared: Preprocessing) -> None:
    """Raise SpecError for what asks for a metric that this target does not have."""
    if prepared:
        _raise([_placed(spec, mistake) for mistake in _answers.of_metrics(spec, prepared.target.classes)])


def _of_data(spec: Spec, seen: Look) -> Iterator[Mistake]:
    names = tuple(column.name for column in seen.columns)
    yield from _unknown_columns(spec, names)
    yield from _target(spec, seen)
    yield from _split(spec, seen)
    if not seen.exact:  # the kinds of columns may still change
        return
    for position, problem in validation.problems(spec.validation, seen.columns).items():
        if spec.validation.expectations[position].column in (None, *names):
            yield of_message(f"validation.expectations.{position}", problem)
    features = set(spec.feature_columns(names))
    if not features:
        yield unknown("features", "no column is left to learn from", "", names)
        return
    columns = tuple(column for column in seen.columns if column.name in features)
    yield from preprocessing.mistakes(spec.preprocessing, columns)


def _unknown_columns(spec: Spec, names: Names) -> Iterator[Mistake]:
    """Columns that the spec names and the data do not have. Those of `preprocessing` it checks itself."""
    asked: dict[str, str] = {"target.column": spec.target.column}
    for where, wanted in (
        ("features.include", spec.features.include or ()),
        ("features.exclude", spec.features.exclude),
        ("personal", spec.personal),
        ("audit.sensitive", spec.audit.columns),
    ):
        asked |= {f"{where}.{position}": name for position, name in enumerate(wanted)}
    if isinstance(column := spec.split.options.get("column"), str):
        asked["split.column"] = column
    for position, expectation in enumerate(spec.validation.expectations):
        if expectation.column is not None:
            asked[f"validation.expectations.{position}.column"] = expectation.column
    for where, name in asked.items():
        if name not in names:
            yield unknown(where, f"the data have no column {name!r}", name, names)


def _target(spec: Spec, seen: Look) -> Iterator[Mistake]:
    column = next((column for column in seen.columns if column.name == spec.target.column), None)
    if column is None or not seen.exact:
        return
    where, classes = f"column {column.name!r}", _classes(spec, seen)
    if spec.task == "regression" and column.kind != "numeric":
        hint = "Write `task: classification` to predict which of several values it has."
        yield Mistake(where="target.column", found=f"{where} is {column.kind}", allowed="numbers", hint=hint)
    if spec.task == "classification" and column.kind == "datetime":
        yield Mistake(where="target.column", found=f"{where} is a time", allowed="text, booleans or numbers")
    positive = spec.target.positive
    if positive is None or not classes:
        return
    if positive not in classes:
        yield unknown("target.positive", f"{where} has no value {positive!r}", positive, classes)
    elif len(classes) > 2:
        found = f"a positive class, and {where} has {len(classes)} of them"
        yield Mistake(where="target.positive", found=found, allowed="null: it is of tasks with two classes")


def _split(spec: Spec, seen: Look) -> Iterator[Mistake]:
    options, column = spec.split.options, str(spec.split.options.get("column", ""))
    kinds = {each.name: each.kind for each in seen.columns}
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


def _classes(spec: Spec, seen: Look) -> Names:
    """The classes of the target; empty in regression, and where a glance does not show them."""
    return seen.values.get(spec.target.column, ()) if spec.task == "classification" else ()


def _code(spec: Spec) -> Iterator[Mistake]:
    """A model family of the user's own that cannot be imported, or does not take what a family is given."""
    if not spec.model.family.startswith(models.USER):
        return
    for mistake in _told_by(lambda: models.check_user(spec.model.family, spec.model.options, spec.root)):
        yield Mistake(where="model.family", found=mistake.found, allowed=mistake.allowed, hint=mistake.hint)


def _told_by(call: Callable[[], object]) -> tuple[Mistake, ...]:
    try:
        call()
    except SpecError as error:
        return error.mistakes
    return ()


def _placed(spec: Spec, mistake: Mistake) -> Mistake:
    where = spec.place(mistake.where)
    return Mistake(where=where, found=mistake.found, allowed=mistake.allowed, hint=mistake.hint)


def _raise(mistakes: Iterable[Mistake]) -> None:
    found = tuple(mistakes)
    if found:
        raise SpecError.of(found)

"""Whether a spec fits its data: what it names has to be there, and what it asks has to have an answer.

Asked twice: at a glance at the source, before anything runs, and again when all of it has been read, since not every
source can be looked at without reading it. Paths of the spec are written with dots here; lines are added at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from assay import data, mitigation, models, preprocessing, validation
from assay.artifacts import Column, Preprocessing, Snapshot
from assay.data import Look
from assay.errors import Mistake, SpecError
from assay.pipeline import _answers, _columns, _pretrained
from assay.pipeline._answers import of_message
from assay.spec import Spec, loading


def look(spec: Spec, *, query: bool = False) -> Look | None:
    """A glance at the data, and at the columns of which the spec names values. None: there is no cheap one."""
    columns = [spec.target.column, str(spec.split.options.get("column", "")), *spec.audit.columns]
    return data.look(spec.data, spec.root, tuple(dict.fromkeys(columns)), query=query)


def check(spec: Spec, seen: Look | None) -> list[Mistake]:
    """Every mistake in `spec` that its data tell, or that needs no data but the parts that answer; with their lines."""
    found = [*_code(spec), *_answers.unaudited(spec), *_pretrained.mistakes(spec)]
    if spec.mitigate is not None:
        found += mitigation.mistakes(spec.mitigate, spec.training)
    if seen is not None:
        found += [*_of_data(spec, seen), *_answers.of_metrics(spec, _columns.classes_of(spec, seen))]
    else:
        found += _answers.of_metrics(spec, ())
    return loading.in_order([_placed(spec, mistake) for mistake in found])


def notes(spec: Spec, seen: Look) -> tuple[str, ...]:
    """What is no mistake, and what a person may not have meant."""
    features = set(spec.feature_columns(tuple(column.name for column in seen.columns)))
    own = spec.preprocessing.columns
    ungated = () if spec.gates else ("There is no gate, so no model will be promoted; `assay gates` lists them.",)
    return ungated + tuple(
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
    yield from _columns.unknown_columns(spec, names)
    yield from _columns.target(spec, seen)
    yield from _columns.split(spec, seen)
    yield from _columns.sensitive(spec, seen)
    if not seen.exact:  # the kinds of columns may still change
        return
    for position, problem in validation.problems(spec.validation, seen.columns).items():
        if spec.validation.expectations[position].column in (None, *names):
            yield of_message(f"validation.expectations.{position}", problem)
    features = set(spec.feature_columns(names))
    if not features:
        if set(spec.features.include or ()) <= {*names}:  # or that is what is wrong
            yield Mistake(where="features", found="no column is left to learn from", allowed="at least one column")
        return
    columns = tuple(column for column in seen.columns if column.name in features)
    yield from preprocessing.mistakes(spec.preprocessing, columns)


def _code(spec: Spec) -> Iterator[Mistake]:
    """A model family of the user's own that cannot be imported, or does not take what a family is given."""
    if not spec.model.family.startswith(models.USER):
        return
    options = spec.model.options | ({} if spec.preprocessing.signal is None else {"signal": None})
    for mistake in _told_by(lambda: models.check_user(spec.model.family, options, spec.root)):
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

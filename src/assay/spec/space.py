"""The space of a search: values put into a spec, and every mistake in the space before anything runs.

A parameter is checked by putting its ends into the spec and reading that as any spec is read. So a path, a type or a
bound is wrong in a space exactly where it would be wrong in the file, and no rule is written twice.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from assay.errors import Mistake, SpecError
from assay.spec import Spec, _mistakes, _yaml
from assay.spec.tuning import ParameterSpec, TuneSpec

# What a training is made of. The data, the folds and the gates are the exam, which the searcher does not choose.
PARTS = ("features", "preprocessing", "model", "training")


def with_values(spec: Spec, values: Mapping[str, Any]) -> Spec:
    """The spec of one trial: `values` put in at their paths, and no `tune`. Raises SpecError when they do not fit."""
    data = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    data.pop("tune", None)
    try:
        made = Spec.model_validate(_put(data, values))
    except ValidationError as error:
        document = _yaml.Document(data=data)
        raise SpecError.of([mistake for _, mistake in _mistakes.mistakes(document, error, "trial", Spec, ())]) from None
    return made.read_from(spec.root / spec.file, spec.lines, spec.overrides)


def active(space: Mapping[str, ParameterSpec], name: str, values: Mapping[str, Any]) -> bool:
    """True when the conditions of the parameter `name` hold among `values`."""
    return all(
        other in values and values[other] in (wanted if isinstance(wanted, list) else [wanted])
        for other, wanted in space[name].when.items()
    )


def ordered(space: Mapping[str, ParameterSpec]) -> tuple[str, ...]:
    """The names of all parameters, each after those that its conditions name."""
    found: list[str] = []
    waiting = list(space)
    while waiting:
        ready = [name for name in waiting if set(space[name].when) <= set(found)]
        if not ready:  # a circle; `mistakes` reports it
            return (*found, *waiting)
        found += ready
        waiting = [name for name in waiting if name not in ready]
    return tuple(found)


def candidates(tune: TuneSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each value to be checked with the name of its parameter, and with what its conditions ask for."""
    for name, parameter in tune.space.items():
        for value in parameter.extremes:
            yield name, {**_needed(tune.space, name), name: value}


def mistakes(spec: Spec, document: _yaml.Document, file: str) -> list[Mistake]:
    """Every mistake in `tune.space`: paths, types, bounds and conditions."""
    if spec.tune is None:
        return []
    space = spec.tune.space
    found = [*_bad_paths(space, document, file), *_bad_conditions(space, document, file)]
    wrong = {mistake.where for mistake in found}
    for name, values in candidates(spec.tune):
        where = place(document, file, name)
        if where in wrong:
            continue
        try:
            tried = _put(copy.deepcopy(document.data) | {"tune": None}, values)
        except KeyError as error:
            found.append(Mistake(where=where, found=str(error.args[0]), allowed="a path to a value of the spec"))
            continue
        try:
            Spec.model_validate(tried)
        except ValidationError as error:
            wrong.add(where)
            for _, told in _mistakes.mistakes(_yaml.Document(data=tried), error, "", Spec, ()):
                found.append(Mistake(where=where, found=told.found, allowed=told.allowed, hint=told.hint))
    return found


def place(document: _yaml.Document, file: str, name: str, *more: str) -> str:
    """Where the parameter `name` stands."""
    return _mistakes.where(document.lines, document.overrides, ("tune", "space", name, *more), file)


def _bad_paths(space: Mapping[str, ParameterSpec], document: _yaml.Document, file: str) -> Iterator[Mistake]:
    for name in space:
        if name.split(".")[0] not in PARTS:
            allowed = "paths under " + ", ".join(PARTS)
            hint = "The data, the folds and the gates are the exam; a search does not choose it."
            yield Mistake(where=place(document, file, name), found=f"{name!r}", allowed=allowed, hint=hint)
        nested = [other for other in space if other.startswith(f"{name}.")]
        if nested:
            found = f"{name!r} holds {nested[0]!r}, which is a parameter too"
            yield Mistake(where=place(document, file, name), found=found, allowed="one of the two")


def _bad_conditions(space: Mapping[str, ParameterSpec], document: _yaml.Document, file: str) -> Iterator[Mistake]:
    for name, parameter in space.items():
        for other, wanted in parameter.when.items():
            where = place(document, file, name, "when", other)
            if other not in space:
                yield Mistake(where=where, found=f"{other!r} is no parameter", allowed=", ".join(space))
            elif space[other].choice is not None:
                strange = [value for value in _listed(wanted) if value not in (space[other].choice or ())]
                if strange:
                    allowed = ", ".join(map(repr, space[other].choice or ()))
                    yield Mistake(where=where, found=f"{other} is never {strange[0]!r}", allowed=allowed)
        if name in _ancestors(space, name):
            where = place(document, file, name)
            yield Mistake(where=where, found="conditions that go in a circle", allowed="conditions that end")


def _ancestors(space: Mapping[str, ParameterSpec], name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(space[name].when)
    while waiting:
        other = waiting.pop()
        if other in space and other not in found:
            found.add(other)
            waiting += space[other].when
    return found


def _needed(space: Mapping[str, ParameterSpec], name: str) -> dict[str, Any]:
    """Values that make the parameter `name` active, those of its conditions' conditions included."""
    needed: dict[str, Any] = {}
    for other in (name, *_ancestors(space, name)):
        needed |= {path: _listed(wanted)[0] for path, wanted in space[other].when.items() if path in space}
    return needed


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _put(data: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with `values` at their paths. Raises KeyError where a path leads through a value."""
    for path, value in values.items():
        *parents, last = path.split(".")
        node: Any = data
        for depth, key in enumerate(parents):
            node = _step(node, key, ".".join(parents[: depth + 1]))
        if isinstance(node, list):
            _step(node, last, path)
            node[int(last)] = value
        else:
            node[last] = value
    return data


def _step(node: Any, key: str, path: str) -> Any:
    found = node[int(key)] if isinstance(node, list) and key.isdigit() and int(key) < len(node) else None
    if isinstance(node, dict):
        found = node.setdefault(key, {})
    if found is None or (not isinstance(found, dict | list) and isinstance(node, dict)):
        raise KeyError(f"{path} is no mapping and no item of a list")
    return found

"""From pydantic's errors to mistakes that say where, what was found, what is allowed and what to write."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from assay.errors import Mistake, did_you_mean
from assay.spec._yaml import Document


def where(document: Document, path: tuple[str | int, ...], name: str) -> str:
    """Where `path` stands, for people: file, line and the path with dots."""
    dotted = ".".join(str(key) for key in path)
    for length in range(len(path), -1, -1):
        line = document.lines.get(path[:length])
        if line is not None:
            return f"{name}:{line}: {dotted}" if line else f"--set {dotted}"
    return f"{name}: {dotted}"


def mistake(
    document: Document, detail: ErrorDetails, name: str, model: type[BaseModel], under: tuple[str | int, ...]
) -> Mistake:
    """What pydantic found wrong with `model`, whose options stand under the path `under`, in words for people."""
    path = (*under, *_real_path(document.data, under, detail["loc"]))
    place = where(document, path, name)
    words = _words_at(model, detail["loc"][:-1])
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        hint = did_you_mean(key, words)
        return Mistake(where=place, found=f"unknown key {key!r}", allowed=", ".join(words) or "no keys", hint=hint)
    if detail["type"] == "missing":
        return Mistake(where=place, found="nothing", allowed=_allowed(model, detail), hint="This key is required.")
    found = _short(detail["input"])
    if detail["type"] == "value_error":
        return Mistake(where=place, found=found, allowed=str(detail["ctx"]["error"]))
    hint = ""
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        expected = detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        hint = did_you_mean(detail["input"], expected.split(", "))
    return Mistake(where=place, found=found, allowed=_lower(detail["msg"]), hint=hint)


def _real_path(data: Any, under: tuple[str | int, ...], loc: tuple[int | str, ...]) -> tuple[str | int, ...]:
    """`loc` without the names of union branches, which pydantic adds and the file does not have."""
    node = data
    for key in under:
        node = node[key]
    path: list[str | int] = []
    for index, key in enumerate(loc):
        if isinstance(node, dict) and (key in node or index == len(loc) - 1):
            path.append(key)
            node = node.get(key)
        elif isinstance(node, list) and isinstance(key, int) and key < len(node):
            path.append(key)
            node = node[key]
    return tuple(path)


def _words_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for key in loc:
        current = _inner(current, key)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def _inner(kind: Any, key: int | str) -> Any:
    """The annotation one step further down: a field's, an item's or a value's; models in unions are looked through."""
    if isinstance(kind, _Items):
        return kind.model
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        return _model_in(fields[str(key)].annotation) if str(key) in fields else kind
    return kind


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation
    if typing.get_origin(annotation) in (tuple, dict, typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            inner = _model_in(argument)
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                return _Items(inner) if typing.get_origin(annotation) in (tuple, dict) else inner
    return annotation


class _Items:
    """Marks a container of models: the next key of the path is a position or a name, not a field."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model


def _allowed(model: type[BaseModel], detail: ErrorDetails) -> str:
    owner: Any = model
    for key in detail["loc"][:-1]:
        owner = _inner(owner, key)
    if isinstance(owner, type) and issubclass(owner, BaseModel):
        field = owner.model_fields.get(str(detail["loc"][-1]))
        if field is not None and field.description:
            return field.description
    return "a value"


def _short(value: Any) -> str:
    text = "a mapping" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _lower(text: str) -> str:
    text = text.removeprefix("Input should be ")
    return text[:1].lower() + text[1:]

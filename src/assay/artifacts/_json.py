"""Hand-offs as JSON, and their digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from assay.artifacts._words import Blob

T = TypeVar("T")


def as_data(value: Any) -> Any:
    """`value` as JSON data: dataclasses and mappings become dicts, tuples lists; other scalars stay."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [as_data(item) for item in value]
    return value


def to_json(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces; floats by their shortest exact form."""
    return json.dumps(as_data(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(cls: type[T], text: str) -> T:
    """The hand-off of type `cls` that `to_json` wrote as `text`."""
    return typing.cast(T, _build(cls, json.loads(text)))


def sha256_of(*parts: str) -> str:
    """One digest over several strings, each closed off so that ("ab", "c") and ("a", "bc") differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def blobs_in(data: Any) -> Iterator[Blob]:
    """Every object that a hand-off, as JSON data, refers to."""
    if isinstance(data, dict):
        if data.keys() == {"uri", "sha256", "n_bytes", "name"}:
            yield Blob(**data)
        else:
            data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from blobs_in(item)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        cls = typing.cast(type, kind)
        hints = _hints(cls)
        return cls(**{name: _build(hints[name], item) for name, item in data.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_build(arguments[0], item) for item in data)
        return tuple(_build(argument, item) for argument, item in zip(arguments, data, strict=True))
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _build(next(argument for argument in arguments if argument is not type(None)), data)
    if kind is float and isinstance(data, int):
        return float(data)
    return data

"""What may stand at a place of the spec, in words for people, read off the type that is declared there."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assay.spec.words import branches

N_KEYS = 6  # of a mapping, that are named
COUNTS = {1: "one", 2: "two", 3: "three"}


@dataclass(frozen=True, slots=True)
class Spot:
    """What is declared at a place: its type, its bounds, and what its owner says of it."""

    annotation: Any
    metadata: tuple[Any, ...] = ()
    description: str = ""

    @classmethod
    def of(cls, field: FieldInfo) -> Spot:
        """The spot of a field."""
        return cls(field.annotation, tuple(field.metadata), field.description or "")


def spot_at(model: type[BaseModel], path: tuple[str | int, ...]) -> Spot | None:
    """What `model` declares at `path`; None where it declares nothing."""
    spot = Spot(model)
    for key in path:
        below = next((found for branch in branches(spot.annotation) if (found := _step(branch, key))), None)
        if below is None:
            return None
        spot = below
    return spot


def keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys of the mapping that `model` declares at `path`."""
    spot = spot_at(model, path)
    for branch in branches(spot.annotation) if spot is not None else ():
        if _is_model(branch):
            return [field.alias or name for name, field in branch.model_fields.items()]
    return []


def allowed(spot: Spot | None) -> str:
    """What may stand there: `a number from 0 to 1`, `one of a, b`, `a list of text, or null`."""
    if spot is None:
        return "a value"
    kinds = [_kind(branch, spot.metadata) for branch in branches(spot.annotation)]
    if any(kind.startswith("a number") for kind in kinds):
        kinds = [kind for kind in kinds if not kind.startswith("a whole number")]  # which is one
    text = ", or ".join(dict.fromkeys(kinds))
    return f"{text} ({spot.description})" if spot.description else text


def _step(branch: Any, key: str | int) -> Spot | None:
    """One key further down."""
    if _is_model(branch):
        fields = {field.alias or name: field for name, field in branch.model_fields.items()}
        return Spot.of(fields[str(key)]) if str(key) in fields else None
    origin, inner = typing.get_origin(branch), typing.get_args(branch)
    if origin is dict and isinstance(key, str):
        return Spot(inner[1])
    if origin is tuple and isinstance(key, int):
        return Spot(inner[0] if inner[-1] is Ellipsis else inner[min(key, len(inner) - 1)])
    return None


def _kind(branch: Any, metadata: tuple[Any, ...] = ()) -> str:
    origin, inner = typing.get_origin(branch), typing.get_args(branch)
    if branch in (int, float):
        return ("a whole number" if branch is int else "a number") + _range(metadata)
    if branch is str:
        return "text" + _length(metadata)
    if branch is bool:
        return "true or false"
    if branch is type(None):
        return "null"
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin is tuple and inner[-1] is Ellipsis:
        return f"a list of {_many(inner[0])}{_length(metadata)}"
    if origin is tuple:
        return f"a list of {COUNTS.get(len(inner), len(inner))} {_many(inner[0])}"
    if origin is dict:
        return f"a mapping of {_many(inner[0])} to {_many(inner[1])}"
    if _is_model(branch):
        keys = [field.alias or name for name, field in branch.model_fields.items()]
        more = ", ..." if len(keys) > N_KEYS else ""
        short = "the name of a column, or " if getattr(branch, "SHORT", False) else ""
        return f"{short}a mapping with {', '.join(keys[:N_KEYS])}{more}" if keys else f"{short}a mapping"
    return "a value"


def _many(annotation: Any) -> str:
    words = {int: "whole numbers", float: "numbers", str: "text", bool: "true or false", Any: "values"}
    found = []
    for branch in branches(annotation):
        if branch in words:
            found.append(words[branch])
        elif typing.get_origin(branch) is Literal:
            found.append(f"({_kind(branch)})")
        else:
            found.append("lists" if typing.get_origin(branch) is tuple else "mappings")
    return " or ".join(found)


def _range(metadata: tuple[Any, ...]) -> str:
    bounds = {name: _bound(metadata, name) for name in ("ge", "gt", "le", "lt")}
    if bounds["ge"] is not None and bounds["le"] is not None:
        return f" from {bounds['ge']:,} to {bounds['le']:,}"
    said = {"ge": "{:,} or more", "gt": "above {:,}", "le": "{:,} or less", "lt": "below {:,}"}
    words = [said[name].format(bound) for name, bound in bounds.items() if bound is not None]
    return f", {' and '.join(words)}" if words else ""


def _length(metadata: tuple[Any, ...]) -> str:
    low, high = _bound(metadata, "min_length"), _bound(metadata, "max_length")
    if low == high == 1:
        return " of one character"
    return " that is not empty" if low else ""


def _bound(metadata: tuple[Any, ...], name: str) -> Any:
    """The bound of that name, as pydantic keeps it beside the type; None where there is none."""
    return next((getattr(item, name) for item in metadata if hasattr(item, name)), None)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)

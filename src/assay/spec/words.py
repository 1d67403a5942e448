"""The two shapes that every part of a spec has: plain words, and a named plugin with its options beside the name."""

from __future__ import annotations

import types
import typing
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Slip(NamedTuple):
    """One thing that a validator found: under which key (with dots; empty: the whole), and what is allowed there.

    An empty `allowed` means what the key's type says; an empty `found` is the value that stands there.
    """

    key: str
    allowed: str = ""
    found: str = ""
    hint: str = ""


class Wrong(ValueError):
    """What a validator raises: every slip that it found, each a mistake of its own."""

    def __init__(self, *slips: Slip) -> None:
        super().__init__("; ".join(f"{slip.key}: {slip.allowed}" for slip in slips))
        self.slips = slips

    @classmethod
    def when(cls, *slips: Slip | None) -> None:
        """Raise with those that are slips; do nothing when none is."""
        found = [slip for slip in slips if slip is not None]
        if found:
            raise cls(*found)


class _Strict(BaseModel):
    """Refuses `true` where a number is wanted, which pydantic would take for 1."""

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, bool) for item in items):
            kinds = set(_kinds(cls.model_fields[str(info.field_name)].annotation))
            if kinds & {int, float} and bool not in kinds:
                raise Wrong(Slip(""))
        return value


class Words(_Strict):
    """A part of the spec whose keys are all known here. An unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Named(_Strict):
    """A part of the spec that names a plugin; the other keys are the plugin's options, checked by its `Config`."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside the plugin's name, as written."""
        return dict(self.model_extra or {})


def branches(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone; `Annotated` is looked through."""
    if typing.get_origin(annotation) is typing.Annotated:
        return branches(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(inner for member in typing.get_args(annotation) for inner in branches(member))
    return (annotation,)


def rising(values: tuple[float, ...] | None) -> bool:
    """True when there are values, or null, each above the one before."""
    return values is None or (len(values) > 0 and list(values) == sorted(set(values)))


def _kinds(annotation: Any) -> typing.Iterator[Any]:
    """Every plain type in an annotation: those of a union, of a list, of a pair."""
    for branch in branches(annotation):
        if typing.get_origin(branch) is tuple:
            for item in typing.get_args(branch):
                yield from _kinds(item)
        else:
            yield branch

"""Every combination of values, each once: all of a choice or of steps, `points` evenly spaced ones of a range."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydantic import Field

from assay.artifacts import to_json
from assay.spec.space import active, ordered
from assay.spec.words import Words
from assay.tuning._asking import Asking
from assay.tuning._space import Space, pairs, settings, spread


class Config(Words):
    """Options of `grid`."""

    points: int = Field(default=3, ge=2, le=1000, description="of a range without steps")


def suggest(config: Config, asking: Asking) -> dict[str, Any]:
    """The combination with the trial's number, the last parameter changing fastest."""
    return settings(_combinations(config, _Frozen(asking.space))[asking.number])


def limit(config: Config, space: Space) -> int:
    """How many combinations there are."""
    return len(_combinations(config, _Frozen(space)))


class _Frozen:
    """A space that can be looked up in a cache."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._text = to_json({name: parameter.model_dump(mode="json") for name, parameter in space.items()})

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self._text == other._text


@lru_cache(maxsize=4)
def _combinations(config: Config, frozen: _Frozen) -> list[tuple[tuple[str, str], ...]]:
    names = ordered(frozen.space)

    def walk(depth: int, values: dict[str, Any]) -> Iterator[tuple[tuple[str, str], ...]]:
        if depth == len(names):
            yield pairs(values)
        elif not active(frozen.space, names[depth], values):
            yield from walk(depth + 1, values)
        else:
            for value in spread(frozen.space[names[depth]], config.points):
                yield from walk(depth + 1, values | {names[depth]: value})

    return list(walk(0, {}))

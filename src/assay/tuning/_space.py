"""Parameters as numbers between 0 and 1, in which every algorithm can draw, step and measure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from assay.artifacts import to_json
from assay.spec.space import active, ordered
from assay.spec.tuning import ParameterSpec

Space = Mapping[str, ParameterSpec]
GRID = 5  # values of a range in a grid, unless the range has steps or the grid says otherwise


def levels(parameter: ParameterSpec) -> tuple[Any, ...] | None:
    """All values of a parameter that has finitely many, else None."""
    if parameter.choice is not None:
        return parameter.choice
    low, high = parameter.bounds
    if parameter.kind in ("int", "log_int"):
        return tuple(range(int(low), int(high) + 1, int(parameter.step or 1)))
    if parameter.step is not None:
        return tuple(low + i * parameter.step for i in range(math.floor((high - low) / parameter.step + 1e-9) + 1))
    return None


def at(parameter: ParameterSpec, unit: float) -> Any:
    """The value at `unit`, from 0 (the lowest) to 1. Levels have equal shares, or equal shares of the logarithm."""
    found = levels(parameter)
    if found is not None and parameter.kind != "log_int":
        return found[min(int(unit * len(found)), len(found) - 1)]
    low, high = parameter.bounds
    if parameter.kind == "log_int":  # each whole number owns the half on either side of it
        low, high = low - 0.5, high + 0.5
        value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
        return min(max(round(value), int(parameter.bounds[0])), int(parameter.bounds[1]))
    if parameter.kind == "log_uniform":
        return min(max(math.exp(math.log(low) + unit * (math.log(high) - math.log(low))), low), high)
    return low + unit * (high - low)


def unit(parameter: ParameterSpec, value: Any) -> float:
    """Where `value` lies between 0 and 1: `at` of it is `value` again."""
    found = levels(parameter)
    if found is not None and parameter.kind != "log_int":
        return (found.index(value) + 0.5) / len(found)
    low, high = parameter.bounds
    if parameter.kind == "log_int":
        low, high = low - 0.5, high + 0.5
    if parameter.kind.startswith("log"):
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return float((value - low) / (high - low))


def spread(parameter: ParameterSpec, n: int) -> tuple[Any, ...]:
    """The values of a grid: all levels of a choice or of steps, else `n` evenly spaced ones with both ends."""
    found = levels(parameter)
    if parameter.choice is not None or parameter.step is not None or (found is not None and len(found) <= n):
        return found or ()
    values = (at(parameter, i / (n - 1)) for i in range(n))
    return tuple(dict.fromkeys(values))


def draw(space: Space, pick: Callable[[str, ParameterSpec], Any]) -> dict[str, Any]:
    """Values for every parameter whose conditions hold, each from `pick`."""
    values: dict[str, Any] = {}
    for name in ordered(space):
        if active(space, name, values):
            values[name] = pick(name, space[name])
    return values


def pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Values as a hand-off keeps them."""
    return tuple((name, to_json(value)) for name, value in values.items())


def settings(kept: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The other way."""
    return {name: json.loads(text) for name, text in kept}

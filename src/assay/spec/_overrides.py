"""`--set a.b=value`: one value of a spec, written on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.errors import Mistake, SpecError
from assay.spec import _yaml

# What may be written short, as a word in place of `{column: WORD}`. `*` is any item of a list.
SHORT = (("target",), ("audit", "sensitive", "*"))


def apply(document: _yaml.Document, text: str) -> None:
    """Set in `document` what `text`, `a.b=value`, says. Raises SpecError for a path that leads nowhere."""
    path, equals, value = text.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise SpecError.of([Mistake(where="--set", found=repr(text), allowed="a.b=value, e.g. training.epochs=3")])
    node = document.data
    for depth, key in enumerate(keys[:-1]):
        node = _entered(node, key, keys[: depth + 1], text)
    parsed = _yaml.parse(value, f"--set {path}").data if value.strip() else None
    key_: str | int = _position(node, keys[-1], text) if isinstance(node, list) else keys[-1]
    node[key_] = parsed
    _mark(document, _keys(keys))


def _keys(words: Sequence[str]) -> tuple[str | int, ...]:
    return tuple(int(word) if word.isdigit() else word for word in words)


def _mark(document: _yaml.Document, path: tuple[str | int, ...]) -> None:
    """Note that what stands at `path` was set on the command line: it, what led there anew, and what it replaced."""
    for below in [each for each in document.lines if each[: len(path)] == path]:
        del document.lines[below]
    for length in range(1, len(path) + 1):
        document.lines.setdefault(path[:length], 0)


def _entered(node: Any, key: str, way: list[str], text: str) -> Any:
    """What stands under `key`, made where there is nothing, and written out where it is short for a mapping."""
    at: str | int = _position(node, key, text) if isinstance(node, list) else key
    inner = node.setdefault(at, {}) if isinstance(node, dict) else node[at]
    if isinstance(inner, str) and any(_matches(way, short) for short in SHORT):
        inner = node[at] = {"column": inner}
    if not isinstance(inner, dict | list):
        found = f"{'.'.join(way)} is a value, not a mapping"
        raise SpecError.of([Mistake(where=f"--set {text}", found=found, allowed="a path to a value")])
    return inner


def _matches(way: list[str], pattern: tuple[str, ...]) -> bool:
    return len(way) == len(pattern) and all(known in ("*", key) for key, known in zip(way, pattern, strict=True))


def _position(items: list[Any], key: str, text: str) -> int:
    if not key.isdigit() or int(key) >= len(items):
        allowed = f"a position from 0 to {len(items) - 1}"
        raise SpecError.of([Mistake(where=f"--set {text}", found=f"{key!r} is no item of a list", allowed=allowed)])
    return int(key)

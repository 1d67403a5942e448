"""A spec in the words of MLflow: flat parameters, and nothing that is secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from assay.registry import without_passwords

MAX_VALUE = 500
_SECRET = re.compile(r"passw|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_NOT_A_KEY = re.compile(r"[^\w.\-/ ]")


def redacted(value: Any) -> Any:
    """JSON data without passwords in addresses, and without the texts under keys that are named like secrets."""
    if isinstance(value, dict):
        return {
            key: "***" if isinstance(item, str) and _SECRET.search(key) else redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return without_passwords(value) if isinstance(value, str) else value


def flat(spec: dict[str, Any]) -> dict[str, str]:
    """A spec as parameters: `training.lr`, `gates.0.gate`. What is null or empty is left out, long values are cut."""
    return {key_of(path): _cut(value) for path, value in _leaves(spec, "")}


def key_of(text: str) -> str:
    """`text` with all that MLflow forbids in a key replaced."""
    return _NOT_A_KEY.sub("_", text.replace("×", "x"))[:250]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        children = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        children = [(str(number), item) for number, item in enumerate(value)]
    else:
        if value not in (None, []):
            yield path, value
        return
    for key, item in children:
        yield from _leaves(item, f"{path}.{key}" if path else key)


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"

"""From pydantic's errors to mistakes that say where, what was found, what is allowed and what to write.

Pydantic's own words never come out: what is allowed is read off the declared type. It tells one error for each branch
of a union; people made one mistake, so only the deepest of those that stand on the same path is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from assay.errors import Mistake, did_you_mean
from assay.spec import _allowed
from assay.spec._yaml import Document, Path_
from assay.spec.words import Slip, Wrong, branches

MAX_FOUND = 80


def where(lines: Mapping[Path_, int], overrides: Sequence[str], path: Path_, name: str) -> str:
    """Where `path` stands, for people: file, line and the path with dots, or the `--set` that wrote it."""
    dotted = ".".join(str(key) for key in path)
    for override in overrides:
        written = override.partition("=")[0]
        of_path = f"{written}.".startswith(f"{dotted}.") or f"{dotted}.".startswith(f"{written}.")
        if of_path and _written_by(lines, path):
            return f"--set {written if len(written) > len(dotted) else dotted}"
    for length in range(len(path), -1, -1):
        line = lines.get(path[:length])
        if line:
            return f"{name}:{line}: {dotted}" if dotted else f"{name}:{line}"
    return f"{name}: {dotted}"


def _written_by(lines: Mapping[Path_, int], path: Path_) -> bool:
    """True when the nearest thing that stands at `path` came from the command line, which has line 0."""
    return next((lines[path[:n]] == 0 for n in range(len(path), -1, -1) if path[:n] in lines), False)


def mistakes(
    document: Document, error: ValidationError, name: str, model: type[BaseModel], under: Path_
) -> list[tuple[Path_, Mistake]]:
    """What pydantic found wrong with `model`, whose options stand under the path `under`, each with its path."""
    found: dict[Path_, Mistake] = {}
    for detail in error.errors():
        for path, mistake in _of(document, detail, name, model, under):
            found.setdefault(path, mistake)
    return [(path, found[path]) for path in found if not any(_is_below(other, path) for other in found)]


def _is_below(path: Path_, above: Path_) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _of(
    document: Document, detail: ErrorDetails, name: str, model: type[BaseModel], under: Path_
) -> Iterator[tuple[Path_, Mistake]]:
    absent = detail["type"] in ("missing", "extra_forbidden")
    inner = _real_path(document.data, under, detail["loc"], absent)
    if detail["type"] == "missing" and inner and isinstance(inner[-1], int):
        inner = inner[:-1]  # a list that is too short is what is wrong, not the item that it lacks
    error = detail.get("ctx", {}).get("error")
    slips = error.slips if isinstance(error, Wrong) else (Slip("", str(error or "")),)
    for slip in slips:
        own = (*inner, *_keys(slip.key))
        path = (*under, *own)
        place = where(document.lines, document.overrides, path, name)
        if detail["type"] == "extra_forbidden":
            words = _allowed.keys_at(model, inner[:-1])
            key = str(inner[-1])
            allowed = ", ".join(words) or "no keys"
            yield (
                path,
                Mistake(where=place, found=f"unknown key {key!r}", allowed=allowed, hint=did_you_mean(key, words)),
            )
            continue
        spot = _allowed.spot_at(model, own)
        allowed = slip.allowed or _allowed.allowed(spot)
        value, is_there = at(document.data, path)
        found = slip.found or (short(value) if is_there else "nothing")
        hint = slip.hint or ("This key is required." if detail["type"] == "missing" and not is_there else "")
        yield path, Mistake(where=place, found=found, allowed=allowed, hint=hint or _nearest(value, spot))


def _nearest(value: Any, spot: _allowed.Spot | None) -> str:
    """Did you mean: the nearest of the words that may stand there."""
    kinds = branches(spot.annotation) if spot is not None else ()
    words = [str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    return did_you_mean(value, words) if isinstance(value, str) and value not in words else ""


def _keys(dotted: str) -> Path_:
    return tuple(int(key) if key.isdigit() else key for key in dotted.split(".")) if dotted else ()


def at(data: Any, path: Path_) -> tuple[Any, bool]:
    """What stands at `path`, and whether anything does."""
    for key in path:
        is_there = key in data if isinstance(data, dict) else isinstance(data, list) and key in range(len(data))
        if not is_there:
            return None, False
        data = data[key]
    return data, True


def _real_path(data: Any, under: Path_, loc: tuple[int | str, ...], absent: bool) -> Path_:
    """`loc` without the names of union branches, which pydantic adds and the file does not have."""
    node, _ = at(data, under)
    path: list[str | int] = []
    for index, key in enumerate(loc):
        is_last = absent and index == len(loc) - 1
        if isinstance(node, dict) and (key in node or is_last):
            path.append(key)
            node = node.get(key)
        elif isinstance(node, list) and isinstance(key, int) and (key < len(node) or is_last):
            path.append(key)
            node = node[key] if key < len(node) else None
    return tuple(path)


def short(value: Any) -> str:
    """A value as the file has it, on one line, cut where it is long."""
    text = repr(value)
    if isinstance(value, dict | list):
        text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6).strip()
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    return text if len(text) <= MAX_FOUND else text[: MAX_FOUND - 1] + "…"

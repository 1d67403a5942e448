"""The key of a stage: what it is given, and the code that it runs.

A key is the digest of named parts, so that a plan can say *which* part changed. Arguments by position are parts;
surroundings (keyword arguments: the store, the events, a folder) are not.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import assay
from assay import models, registry
from assay.artifacts import Model, Source, sha256_of, to_json
from assay.spec import Spec, plugins
from assay.spec.data import DataSpec, SplitSpec
from assay.spec.evidence import GateSpec, MitigateSpec
from assay.spec.training import ModelSpec
from assay.spec.tuning import AlgorithmSpec, SchedulerSpec

# Packages whose files are plugins: only the named one is part of a key.
PLUGIN_FOLDERS = {plugins.KINDS[kind].package: kind for kind in plugins.KINDS}
# Words and hand-offs: what they say is in the arguments already.
WORDS = frozenset({"spec", "artifacts", "errors", "store"})
MAX_WORDS = 20_000


def parts_of(function: Callable[..., Any], args: tuple[Any, ...], root: Path) -> dict[str, str]:
    """What makes the key of `function(*args)`, by name: the words of the spec as they are, the rest as digests."""
    names = list(inspect.signature(function).parameters)
    parts = {name: _part(value) for name, value in zip(names, args, strict=False)}
    package = function.__module__.split(".")[1]
    parts["code"] = sha256_of(*_package_code(package), *_plugin_code(args, root))
    parts["version"] = assay.__version__
    return parts


def changes(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """What differs between two sets of parts: `training.epochs: 10 -> 12` for words, the part's name for the rest."""
    found: list[str] = []
    for name in new:
        if old.get(name) != new[name]:
            found += _word_changes(name, old.get(name, ""), new[name]) or [name]
    return found


def _word_changes(name: str, old: str, new: str) -> list[str]:
    if not (old.startswith(("{", "[")) and new.startswith(("{", "["))):
        return []
    before, after = dict(_leaves(name, json.loads(old))), dict(_leaves(name, json.loads(new)))
    changed = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    one_sided = any(path not in before or path not in after for path in changed)
    unwritten = dict(_defaults(name, json.loads(old))) if one_sided else {}  # which may import a model family

    def said(leaves: dict[str, Any], path: str) -> str:
        if path in leaves:
            return str(leaves[path])
        return f"{unwritten[path]} (default)" if path in unwritten else "nothing"

    return [f"{path}: {said(before, path)} -> {said(after, path)}" for path in changed]


def _defaults(path: str, node: Any) -> Iterator[tuple[str, Any]]:
    """The options that plugins named in `node` have where they are not written."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _defaults(f"{path}.{index}", item)
    for chooser, kind in plugins.CHOOSERS.items() if isinstance(node, dict) else ():
        if node.get(chooser) in plugins.names(kind):
            for option in plugins.options(kind, node[chooser]):
                if not option.required:
                    yield f"{path}.{option.name}", option.default


def _leaves(path: str, node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from _leaves(f"{path}.{key}", value)
    else:
        yield path, node


def _part(value: Any) -> str:
    text = registry.without_passwords(text_of(value))  # parts are kept; a password is no part of any result
    words = isinstance(value, BaseModel) or (isinstance(value, tuple) and all(isinstance(i, BaseModel) for i in value))
    return text if words and len(text) < MAX_WORDS else sha256_of(text)


def key_of(stage: str, parts: dict[str, str]) -> str:
    """One digest over the named parts."""
    return sha256_of(stage, *(f"{name}={parts[name]}" for name in sorted(parts)))


def text_of(value: Any) -> str:
    """What a key sees of a value: a model counts by what it computes, a source by its bytes, the rest whole."""
    if isinstance(value, Model | Source):
        return value.sha256
    return to_json(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _placeless(value.model_dump(mode="json", by_alias=True))
    if isinstance(value, Model | Source):
        return value.sha256
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _placeless(words: dict[str, Any]) -> dict[str, Any]:
    """Without the address of a cluster: whichever it is, it computes the same."""
    for compute in (words, words.get("compute")):
        if isinstance(compute, dict) and "max_failures" in compute:
            compute.pop("address", None)
    return words


def _plugin_code(args: tuple[Any, ...], root: Path) -> Iterator[str]:
    for kind, name in sorted(_named(args)):
        path = models.source_of(name, root) if kind == "model" else plugins.source_file(kind, name)
        if path is not None:
            yield path.read_text()


def _named(args: tuple[Any, ...]) -> set[tuple[str, str]]:
    """The plugins that arguments name, with their kinds."""
    found: set[tuple[str, str]] = set()
    for value in args:
        if isinstance(value, tuple | list):
            found |= _named(tuple(value))
        elif isinstance(value, Spec):
            found |= _named(
                (value.mitigate, value.model, value.tune and value.tune.algorithm, value.tune and value.tune.scheduler)
            )
        elif isinstance(value, AlgorithmSpec):
            found.add(("algorithm", value.name))
        elif isinstance(value, SchedulerSpec):
            found.add(("scheduler", value.name))
        elif isinstance(value, DataSpec):
            found.add(("source", value.source))
        elif isinstance(value, SplitSpec):
            found.add(("splitter", value.by))
        elif isinstance(value, GateSpec):
            found.add(("gate", value.gate))
        elif isinstance(value, MitigateSpec):
            found.add(("mitigation", value.method))
        elif isinstance(value, ModelSpec | Model):
            found.add(("model", value.family))
    return found


@cache
def _package_code(package: str) -> tuple[str, ...]:
    """The source of a package of assay and of those it imports, without words and without plugins."""
    seen: set[str] = set()
    waiting, sources = [package], []
    while waiting:
        name = waiting.pop()
        if name in seen or name in WORDS:
            continue
        seen.add(name)
        for path in _files(name):
            text = path.read_text()
            sources.append(text)
            waiting += re.findall(r"(?:from|import) assay\.(\w+)", text)
            for line in re.findall(r"from assay import (.+)", text):
                waiting += re.findall(r"\w+", line)
    return tuple(sorted(sources))


def _files(name: str) -> list[Path]:
    found = importlib.util.find_spec(f"assay.{name}")
    if found is None or not found.origin:
        return []
    origin = Path(found.origin)
    if origin.name != "__init__.py":
        return [origin]
    return [path for path in sorted(origin.parent.rglob("*.py")) if not _is_plugin(path, origin.parent, name)]


def _is_plugin(path: Path, folder: Path, name: str) -> bool:
    package = ".".join(("assay", name, *path.parent.relative_to(folder).parts))
    return package in PLUGIN_FOLDERS and not path.name.startswith("_")

"""Plugins: one file each, found by its name, listed without being imported.

A plugin is a module with a pydantic class `Config` and the functions that its kind asks for. Those of assay lie in the
kind's package; others announce themselves in the entry-point group of the kind.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from assay.errors import Mistake, SpecError, did_you_mean
from assay.spec import _allowed, _mistakes, _yaml


@dataclass(frozen=True, slots=True)
class PluginKind:
    """A kind of plugin: what people call it, the package it lies in, and its entry-point group."""

    word: str
    package: str
    group: str


KINDS = {
    "source": PluginKind("data source", "assay.data.sources", "assay.sources"),
    "splitter": PluginKind("split", "assay.data.splitters", "assay.splitters"),
    "model": PluginKind("model family", "assay.models", "assay.models"),
    "gate": PluginKind("gate", "assay.gates", "assay.gates"),
    "mitigation": PluginKind("method of mitigation", "assay.mitigation", "assay.mitigations"),
    "algorithm": PluginKind("search algorithm", "assay.tuning.algorithms", "assay.algorithms"),
    "scheduler": PluginKind("scheduler", "assay.tuning.schedulers", "assay.schedulers"),
}
# The key by which a part of the spec names a plugin, and the plugin's kind.
CHOOSERS = {"source": "source", "by": "splitter", "family": "model", "gate": "gate", "method": "mitigation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a plugin: what may be written, and what it is where nothing is."""

    name: str
    allowed: str
    required: bool
    default: Any = None


_PLURAL = {"table": "tables", "image": "images", "text": "texts", "series": "series"}


def names(kind: str) -> tuple[str, ...]:
    """The names of all plugins of `kind`, sorted. Imports none of them."""
    package = importlib.import_module(KINDS[kind].package)
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    return tuple(sorted(own | set(_announced(kind))))


def load(kind: str, name: str) -> ModuleType:
    """The module of the plugin called `name`. Raises SpecError with what there is and the nearest name."""
    announced = _announced(kind)
    if name in announced:
        return importlib.import_module(announced[name].module)
    if name not in names(kind):
        raise SpecError.of([unknown(kind, name)])
    return importlib.import_module(f"{KINDS[kind].package}.{name}")


def options(kind: str, name: str) -> tuple[Option, ...]:
    """The options of the plugin called `name`, in the order of its `Config`. Imports it."""
    model: type[BaseModel] = load(kind, name).Config
    return tuple(
        Option(
            name=field.alias or key,
            allowed=_allowed.allowed(_allowed.Spot.of(field)),
            required=field.is_required(),
            default=None if field.is_required() else field.get_default(call_default_factory=True, validated_data={}),
        )
        for key, field in model.model_fields.items()
    )


def config(kind: str, name: str, options: dict[str, Any]) -> Any:
    """The plugin's `Config` made from `options`. Raises pydantic's ValidationError."""
    cls: type[BaseModel] = load(kind, name).Config
    return cls.model_validate(options)


def checked(kind: str, name: str, options: dict[str, Any], where: str) -> Any:
    """Like `config`, but every mistake is told in words: raises SpecError. `where` names the part of the spec."""
    try:
        return config(kind, name, options)
    except ValidationError as error:
        document, model = _yaml.Document(data=options), load(kind, name).Config
        found = _mistakes.mistakes(document, error, where, model, ())
        raise SpecError.of([mistake for _, mistake in found]) from None


def check_takes(family: str, kind: str, where: str = "model.family") -> list[Mistake]:
    """The mistake of a model family that is not for inputs of `kind`: `table`, `image`, `text` or `series`."""
    if kind in takes(family):
        return []
    fitting = [name for name in names("model") if kind in takes(name)]
    found = f"{family!r} is for {' and '.join(_PLURAL[one] for one in takes(family))}"
    why = "`preprocessing` names no image, text or series" if kind == "table" else f"`preprocessing.{kind}` is there"
    return [Mistake(where=where, found=f"{found}, and {why}", allowed=", ".join(fitting))]


def takes(family: str) -> tuple[str, ...]:
    """What a model family is for, by its `TAKES`."""
    return _constant(family, "TAKES") or ("table",)


def package(family: str) -> tuple[str, ...]:
    """The package that brings weights of a model family, and the file in it, by its `PACKAGE`; empty without one."""
    return _constant(family, "PACKAGE")


@cache
def _constant(family: str, name: str) -> tuple[str, ...]:
    """A tuple that the file of a family names; read from the file, since importing it would import torch."""
    path = source_file("model", family)
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path is not None else ():
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return tuple(ast.literal_eval(node.value))
    return ()


def source_file(kind: str, name: str) -> Path | None:
    """The file that holds the plugin, for the digest of its code; None when there is no such file."""
    announced = _announced(kind)
    module = announced[name].module if name in announced else f"{KINDS[kind].package}.{name}"
    found = importlib.util.find_spec(module)
    return Path(found.origin) if found is not None and found.origin else None


def unknown(kind: str, name: str, where: str = "") -> Mistake:
    """The mistake of naming a plugin that does not exist."""
    return Mistake(
        where=where or KINDS[kind].word,
        found=f"unknown {KINDS[kind].word} {name!r}",
        allowed=", ".join(names(kind)),
        hint=did_you_mean(name, names(kind)),
    )


@cache
def _announced(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=KINDS[kind].group)}

"""From a file to a `Spec`: every mistake at once, each with its line, what was found and what is allowed."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from assay.errors import Mistake, SpecError, did_you_mean
from assay.spec import Spec, _mistakes, _overrides, _yaml, plugins, space

# The plugins of a spec: the part that names one (or the list of such parts), the key of the name, and the kind.
PLUGINS: tuple[tuple[str, str, str], ...] = (
    ("data", "source", "source"),
    ("split", "by", "splitter"),
    ("model", "family", "model"),
    ("gates", "gate", "gate"),
    ("mitigate", "method", "mitigation"),
    ("tune.algorithm", "name", "algorithm"),
    ("tune.scheduler", "name", "scheduler"),
)
# What such a part says itself, beside the plugin's options.
OWN = {"mitigate": ("sensitive", "before")}
# The parts that other parts refer to: with one of them wrong, no more can be said.
BUILT_ON = ("version", "task", "data", "target", "split", "features", "audit", "evaluation")
LEFT_OUT = (("audit", "crossings"),)  # which can be left out of them


def load_spec(path: str | Path, overrides: Sequence[str] = ()) -> Spec:
    """The spec in the file at `path`, with `a.b=c` overrides applied.

    Plugins' names are checked; their options are checked by `check`, which has to import them.
    Raises SpecError with every mistake found.
    """
    path = Path(path)
    document = _read(path, overrides)
    spec, mistakes = _validate(document, path.name)
    if mistakes or spec is None:
        raise SpecError.of(in_order(mistakes))
    return spec.read_from(path, document.lines, tuple(overrides))


def check(path: str | Path, overrides: Sequence[str] = ()) -> list[Mistake]:
    """Every mistake in the spec at `path`, options of plugins included; empty when there is none."""
    return understand(path, overrides)[0]


def understand(path: str | Path, overrides: Sequence[str] = ()) -> tuple[list[Mistake], Spec | None]:
    """Every mistake in the spec at `path`, options of plugins included, and the spec as far as it can be understood.

    So what it says of the data can be checked although, say, an epoch count is wrong: such values count as not
    written. None when too much is wrong for that.
    """
    path = Path(path)
    try:
        document = _read(path, overrides)
    except SpecError as error:
        return list(error.mistakes), None
    spec, mistakes = _validate(document, path.name)
    mistakes += _plugin_options(document, path.name)
    if spec is not None and not mistakes:
        mistakes += _space_options(spec, document, path.name)
    return in_order(mistakes), spec and spec.read_from(path, document.lines, tuple(overrides))


def check_options(spec: Spec, kinds: Collection[str] = tuple(plugins.KINDS)) -> None:
    """Check the options of the plugins of `spec`, those of `kinds` alone. Raises SpecError with every mistake found."""
    mistakes = option_mistakes(spec, kinds)
    if mistakes:
        raise SpecError.of(mistakes)


def option_mistakes(spec: Spec, kinds: Collection[str] = tuple(plugins.KINDS)) -> list[Mistake]:
    """Every mistake in the options of the plugins of `spec`, those of `kinds` alone."""
    data = spec.model_dump(mode="json", by_alias=True)
    document = _yaml.Document(data=data, lines=spec.lines, overrides=spec.overrides)
    mistakes = _plugin_options(document, spec.file, kinds)
    if "model" in kinds and not mistakes:
        mistakes += _space_options(spec, document, spec.file)
    return mistakes


def render(spec: Spec) -> str:
    """`spec` as YAML with every default filled in, the options of plugins included."""
    data = spec.model_dump(mode="json", by_alias=True)
    for part, chooser, kind in PLUGINS:
        for entry in _entries(data, part):
            name = str(entry[1][chooser])
            if not name.startswith("python:"):
                options = _options(entry[1], part, chooser)
                filled = plugins.config(kind, name, options).model_dump(mode="json", by_alias=True)
                entry[1].update(filled)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def as_written(spec: Spec) -> str:
    """`spec` as YAML with what it says and no defaults."""
    data = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def schema() -> dict[str, Any]:
    """The JSON Schema of a spec, with one branch per plugin, for editors."""
    whole = Spec.model_json_schema(by_alias=True)
    for part, chooser, kind in PLUGINS:
        node = whole["$defs"][f"{part.split('.')[-1].rstrip('s').capitalize()}Spec"]
        node["allOf"] = [_branch(whole, kind, chooser, name) for name in plugins.names(kind)]
        if kind == "model":
            node["properties"][chooser]["examples"] = [*plugins.names(kind), "python:package.module:Class"]
        else:
            node["properties"][chooser]["enum"] = list(plugins.names(kind))
    return whole


def _branch(whole: dict[str, Any], kind: str, chooser: str, name: str) -> dict[str, Any]:
    config: type[BaseModel] = plugins.load(kind, name).Config
    part = config.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    whole["$defs"].update(part.pop("$defs", {}))
    part.pop("additionalProperties", None)
    return {"if": {"properties": {chooser: {"const": name}}, "required": [chooser]}, "then": part}


# ------------------------------------------------------------------------------------------------ reading


def _read(path: Path, overrides: Sequence[str]) -> _yaml.Document:
    document = _yaml.parse(_text(path), path.name)
    if not isinstance(document.data, dict):
        raise SpecError.of([Mistake(where=f"{path.name}:1", found="no mapping", allowed="`version: 1`, `name: ...`")])
    for override in overrides:
        _overrides.apply(document, override)
    document.overrides = tuple(overrides)
    return document


def _text(path: Path) -> str:
    try:
        data = path.read_bytes() if path.stat().st_size <= _yaml.MAX_BYTES else b"-" * (_yaml.MAX_BYTES + 1)
        return data.decode()
    except FileNotFoundError:
        near = [item.name for item in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        found = f"there is no file {str(path)!r}"
        hint = did_you_mean(path.name, near)
        raise SpecError.of([Mistake(where="SPEC", found=found, allowed="a YAML file", hint=hint)]) from None
    except (OSError, UnicodeDecodeError) as error:
        found = f"{path} cannot be read ({getattr(error, 'strerror', None) or error})"
        raise SpecError.of([Mistake(where="SPEC", found=found, allowed="a UTF-8 YAML file")]) from None


# ------------------------------------------------------------------------------------------------ checking


def _validate(document: _yaml.Document, name: str) -> tuple[Spec | None, list[Mistake]]:
    version = document.data.get("version")
    if version is not None and version != 1:
        where = _mistakes.where(document.lines, document.overrides, ("version",), name)
        hint = "Write `version: 1`: it is the only one so far."
        return None, [Mistake(where=where, found=f"spec version {version!r}", allowed="1", hint=hint)]
    spec, mistakes = _understood(document, name)
    for part, chooser, kind in PLUGINS:
        for path, entry in _entries(document.data, part):
            chosen = entry.get(chooser)
            if isinstance(chosen, str) and not _exists(kind, chosen):
                where = _mistakes.where(document.lines, document.overrides, (*path, chooser), name)
                mistakes.append(plugins.unknown(kind, chosen, where))
    if spec is not None:
        mistakes += space.mistakes(spec, document, name)
    if spec is not None and spec.model.family in plugins.names("model"):
        where = _mistakes.where(document.lines, document.overrides, ("model", "family"), name)
        mistakes += plugins.check_takes(spec.model.family, spec.preprocessing.kind_of_input, where)
    return spec, mistakes


def _understood(document: _yaml.Document, name: str) -> tuple[Spec | None, list[Mistake]]:
    """The spec without what is wrong in it, and what is wrong. None when what is wrong is what other parts build on."""
    rest = copy.deepcopy(document.data)
    found: dict[tuple[str | int, ...], Mistake] = {}
    while True:
        try:
            return Spec.model_validate(rest), list(found.values())
        except ValidationError as error:
            wrong = _mistakes.mistakes(document, error, name, Spec, ())
        for path, mistake in wrong:
            if not any(known[: len(path)] == path for known in found):  # or it is wrong for what was taken out of it
                found[path] = mistake
        if any(not path or _is_built_on(path) or not _cut(rest, path) for path, _ in wrong):
            return None, list(found.values())


def _is_built_on(path: tuple[str | int, ...]) -> bool:
    return path[0] in BUILT_ON and path[:2] not in LEFT_OUT


def _cut(data: Any, path: tuple[str | int, ...]) -> bool:
    """Take out what stands at `path`, or the whole list that it is in; False when nothing stands there."""
    path = path[: next((index for index, key in enumerate(path) if isinstance(key, int)), len(path))]
    owner, is_there = _mistakes.at(data, path[:-1])
    return is_there and isinstance(owner, dict) and owner.pop(path[-1], data) is not data


def in_order(mistakes: list[Mistake]) -> list[Mistake]:
    """By line; what was set on the command line, and what has no line, comes first."""

    def line(mistake: Mistake) -> int:
        number = mistake.where.split(":")[1] if mistake.where.count(":") else ""
        return int(number) if number.isdigit() else 0

    return sorted(mistakes, key=line)


def _exists(kind: str, name: str) -> bool:
    return name in plugins.names(kind) or (kind == "model" and name.startswith("python:"))


def _plugin_options(
    document: _yaml.Document, name: str, kinds: Collection[str] = tuple(plugins.KINDS)
) -> list[Mistake]:
    """What is wrong with the options of plugins. A plugin is imported for it, but not a model family without any."""
    found: list[Mistake] = []
    for part, chooser, kind in PLUGINS:
        for where, entry in _entries(document.data, part) if kind in kinds else ():
            chosen = entry.get(chooser, _default(part, chooser))
            options = _options(entry, part, chooser)
            if not isinstance(chosen, str) or chosen not in plugins.names(kind) or (kind == "model" and not options):
                continue
            config: type[BaseModel] = plugins.load(kind, chosen).Config
            try:
                config.model_validate(options)
            except ValidationError as error:
                found += [mistake for _, mistake in _mistakes.mistakes(document, error, name, config, where)]
    return found


def _space_options(spec: Spec, document: _yaml.Document, file: str) -> list[Mistake]:
    """What the model family says to the values of the space that are its options, each mistake at its parameter."""
    found: dict[str, Mistake] = {}
    for name, values in space.candidates(spec.tune) if spec.tune is not None else ():
        model = space.with_values(spec, values).model
        if name.split(".")[0] != "model" or model.family.startswith("python:"):
            continue
        try:
            plugins.checked("model", model.family, model.options, where="model")
        except SpecError as error:
            where, told = space.place(document, file, name), error.mistakes[0]
            found.setdefault(where, Mistake(where=where, found=told.found, allowed=told.allowed, hint=told.hint))
    return list(found.values())


def _default(part: str, chooser: str) -> Any:
    model: Any = Spec
    for key in part.split("."):
        annotation = model.model_fields[key].annotation
        model = next((each for each in (annotation, *get_args(annotation)) if isinstance(each, type)), None)
    return model.model_fields[chooser].default if chooser in getattr(model, "model_fields", {}) else None


def _options(entry: dict[str, Any], part: str, chooser: str) -> dict[str, Any]:
    """What of a part are the plugin's own options."""
    return {key: value for key, value in entry.items() if key not in (chooser, *OWN.get(part, ()))}


def _entries(data: Any, part: str) -> list[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The mappings of `part` that name a plugin, each with its path: one, or one per item of a list."""
    *parents, last = path = tuple(part.split("."))
    for key in parents:
        data = data.get(key) if isinstance(data, dict) else None
    node = data.get(last, {}) if isinstance(data, dict) else None
    if isinstance(node, list):
        return [((*path, index), item) for index, item in enumerate(node) if isinstance(item, dict)]
    if isinstance(node, str) and parents:  # just the name
        return [(path, {"name": node})]
    return [(path, node)] if isinstance(node, dict) else []

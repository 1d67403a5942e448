"""Waivers and profiles, read from YAML: every mistake at once, each with its file."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from assay.errors import Mistake, SpecError, did_you_mean
from assay.spec import _yaml
from assay.spec.evidence import AuditSpec, GateSpec
from assay.spec.waivers import ProfileSpec, WaiverSpec


def waivers(path: Path) -> tuple[WaiverSpec, ...]:
    """The waivers in a file."""
    return tuple(_valid(tuple[WaiverSpec, ...], path, path.name))


def profiles(names: tuple[str, ...], root: Path) -> tuple[ProfileSpec, ...]:
    """The profiles called `names`: those of assay, or files of one's own."""
    shipped = {path.name.removesuffix(".yaml"): path for path in files("assay.audit").joinpath("profiles").iterdir()}
    found = []
    for name in names:
        own = root / name
        if name not in shipped and not own.is_file():
            hint = did_you_mean(name, tuple(shipped))
            allowed = f"{', '.join(sorted(shipped))}, or a YAML file"
            raise SpecError.of([Mistake(where="audit.profiles", found=f"no {name!r}", allowed=allowed, hint=hint)])
        found.append(_valid(ProfileSpec, shipped.get(name, own), name))
    return tuple(found)


def gates_of(found: tuple[ProfileSpec, ...], config: AuditSpec, today: date) -> tuple[GateSpec, ...]:
    """The gates that the profiles in force ask for, each of every sensitive column or crossing."""
    over: dict[str, tuple[Any, ...]] = {"columns": config.columns, "crossings": config.crossings}
    over["all"] = (*over["columns"], *over["crossings"])
    return tuple(
        GateSpec.model_validate({"gate": check.gate, "sensitive": feature, **check.options})
        for profile in found
        if profile.is_in_force(today)
        for check in profile.checks
        for feature in over[check.over]
    )


def _valid(kind: Any, path: Any, name: str) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = f"{path} cannot be read ({type(error).__name__})"
        raise SpecError.of([Mistake(where=name, found=found, allowed="a UTF-8 YAML file")]) from None
    try:
        return TypeAdapter(kind).validate_python(_yaml.parse(text, name).data)
    except ValidationError as error:
        raise SpecError.of([_mistake(name, detail) for detail in error.errors()]) from None


def _mistake(name: str, detail: Any) -> Mistake:
    where = ".".join(str(part) for part in detail["loc"])
    found = "nothing" if detail["type"] == "missing" else repr(detail["input"])[:80]
    return Mistake(where=f"{name}: {where}", found=found, allowed=detail["msg"])

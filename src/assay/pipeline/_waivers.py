"""What a run may overlook: the waivers that the spec names, and what they have to be for."""

from __future__ import annotations

import getpass
import os
import subprocess
from contextlib import suppress
from datetime import date
from pathlib import Path

from assay import audit
from assay.artifacts import Scope, Source
from assay.spec import Spec
from assay.spec.waivers import WaiverSpec


def asked(spec: Spec, source: Source) -> tuple[tuple[WaiverSpec, ...], Scope]:
    """The waivers and their scope. Without waivers the scope is empty, so that no decision depends on the day."""
    if spec.audit.waivers is None:
        return (), Scope()
    scope = Scope(
        model=spec.registered_name,
        data_sha256=source.sha256,
        authors=_authors(spec.root),
        today=date.today().isoformat(),
        profiles=spec.audit.profiles,
    )
    return audit.waivers(spec.root / spec.audit.waivers), scope


def _authors(folder: Path) -> tuple[str, ...]:
    """Every name that whoever runs this goes by: none of them may approve."""
    names = [os.environ.get("ASSAY_AUTHOR", ""), *(_git(folder, key) for key in ("user.name", "user.email"))]
    with suppress(KeyError, OSError):  # a container may have no name for its user
        names.append(getpass.getuser())
    return tuple(sorted({name.strip() for name in names} - {""}))


def _git(folder: Path, key: str) -> str:
    command = ["git", "-C", str(folder), "config", key]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""

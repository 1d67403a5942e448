"""Everything that a run depends on, looked at by doing it.

Installed is not the same as working: there are pairs of versions that every resolver accepts and that die at their
first use. So libraries are imported, and a small run is run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from assay.errors import AssayError
from assay.local import Check, _commands, _http, _sample, _servers, _status

PYTHON = ((3, 11), (3, 14))
ROOM_BYTES = 2e9
# Every module that an extra brings and a run imports.
EXTRAS = {
    "train": ("torch", "ray", "mlflow", "great_expectations", "sklearn", "scipy", "pandas", "safetensors"),
    "flows": ("prefect", "fastapi"),
}
# The first version without a known hole.
FLOORS = {"mlflow": "3.16.1", "ray": "2.56", "torch": "2.10", "prefect": "3.8", "jinja2": "3.1.6"}
PREFECT_CALL = ("flow-run", "ls", "--limit", "1")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
IMPORTER = """
import importlib, json, sys, time
for name in sys.argv[1:]:
    start, problem = time.perf_counter(), ""
    try:
        importlib.import_module(name)
    except BaseException as error:
        problem = f"{type(error).__name__}: {error}"
    print(json.dumps({"name": name, "seconds": time.perf_counter() - start, "problem": problem}), file=sys.stderr)
"""


def doctor(home: Path) -> tuple[Check, ...]:
    """All checks, the cheap ones first."""
    return (
        _python(), _disk(home), *_ports(home), *_versions(), *_imports(), _browser(), _prefect(home), _run(),
    )  # fmt: skip


def _python() -> Check:
    found, (low, high) = sys.version_info[:2], PYTHON
    fits = low <= found < high
    advice = "" if fits else f"Use Python {low[0]}.{low[1]} or later, before {high[0]}.{high[1]}."
    return Check(name="python", verdict="ok" if fits else "fail", found=sys.version.split()[0], advice=advice)


def _disk(home: Path) -> Check:
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    found = f"{free / 1e9:.0f} GB free at {home}"
    if not os.access(nearest, os.W_OK):
        advice = "Choose a folder that you may write to: export ASSAY_HOME=..."
        return Check(name="disk", verdict="fail", found=f"{nearest} is not writable", advice=advice)
    if free < ROOM_BYTES:
        return Check(name="disk", verdict="warn", found=found, advice="`assay gc` removes what is no longer needed.")
    return Check(name="disk", verdict="ok", found=found)


def _ports(home: Path) -> Iterator[Check]:
    running = {server.name: server for server in _servers.read(home.resolve()) if _servers.answers(server)}
    for name, port in _servers.PORTS.items():
        if name in running:
            yield Check(name=f"port of {name}", verdict="ok", found=f"it answers at {running[name].url}")
        elif _http.free_port(port) == port:
            yield Check(name=f"port of {name}", verdict="ok", found=f"{port} is free")
        else:
            advice = "`assay up` takes another one."
            yield Check(name=f"port of {name}", verdict="warn", found=f"{port} is taken", advice=advice)


def _versions() -> Iterator[Check]:
    """Versions with known holes, and pairs that do not go together; one line where there are none of either."""
    installed = {name: found for name in (*FLOORS, "fastapi") if (found := _installed(name)) is not None}
    problems = [*_holes(installed), *_pairs(installed)]
    yield from problems
    if not problems:
        yield Check(name="versions", verdict="ok", found=", ".join(f"{name} {at}" for name, at in installed.items()))


def _holes(installed: Mapping[str, str]) -> Iterator[Check]:
    for name, floor in FLOORS.items():
        if name in installed and _numbers(installed[name]) < _numbers(floor):
            advice = f"Before {floor} it has known holes. Write: pip install '{name}>={floor}'"
            yield Check(name="versions", verdict="fail", found=f"{name} {installed[name]}", advice=advice)


def _pairs(installed: Mapping[str, str]) -> Iterator[Check]:
    prefect, fastapi = (_numbers(installed.get(name, "0")) for name in ("prefect", "fastapi"))
    if prefect[:2] == (3, 8) and fastapi >= (0, 151):
        # Since 0.151 FastAPI takes a null in a request for a null, where Prefect's client means "not given".
        found = f"prefect {installed['prefect']} with fastapi {installed['fastapi']}"
        trouble = (
            "die at the first flow" if fastapi >= (0, 155) else "refuse what Prefect's own command line asks (422)"
        )
        advice = f"Together they {trouble}. Write: pip install 'fastapi>=0.139,<0.151'"
        yield Check(name="versions", verdict="fail", found=found, advice=advice)


def _imports() -> Iterator[Check]:
    """Import all modules of an extra in a process of its own: one that crashes must not take the doctor along."""
    for extra, modules in EXTRAS.items():
        done = subprocess.run(
            [sys.executable, "-c", IMPORTER, *modules], capture_output=True, text=True, timeout=300, check=False
        )
        told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"name"')]
        broken = [f"{each['name']}: {each['problem']}" for each in told if each["problem"]]
        if len(told) < len(modules):
            broken.append(f"{modules[len(told)]}: the process ended with {done.returncode}")
        found = "; ".join(broken) or f"{len(told)} modules in {sum(each['seconds'] for each in told):.1f} s"
        advice = f"Write: pip install 'assay[{extra}]'" if broken else ""
        yield Check(name=f"extra {extra}", verdict="fail" if broken else "ok", found=found, advice=advice)


def _browser() -> Check:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is not None:
        return Check(name="chromium", verdict="ok", found=path)
    advice = "Only the tests that look at the review page need it."
    return Check(name="chromium", verdict="warn", found="not installed", advice=advice)


def _prefect(home: Path) -> Check:
    """Prefect's own command line against the API that a run would use, or else against one of the moment."""
    with tempfile.TemporaryDirectory(prefix="assay-doctor-") as folder:
        api = _status.find_api(home)
        where = {"PREFECT_API_URL": api} if api else {"PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *PREFECT_CALL],
            env=inherited | where | {"PREFECT_HOME": folder, **_commands.NO_ANALYTICS},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    told = f"`prefect {' '.join(PREFECT_CALL)}`"
    if done.returncode == 0:
        return Check(name="prefect", verdict="ok", found=f"{told} answers")
    last = [line for line in (done.stdout + done.stderr).splitlines() if ": " in line][-1:]
    advice = "Do prefect and fastapi go together? Write: pip install -c constraints.txt 'assay[flows]'"
    return Check(name="prefect", verdict="fail", found=f"{told}: {' '.join(last)[:300]}", advice=advice)


def _run() -> Check:
    """A small run, in a home of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="assay-doctor-") as folder:
        try:
            result = _sample.run(Path(folder))
        except AssayError as error:
            return Check(name="a small run", verdict="fail", found=str(error), advice="See the lines above.")
    stages = ", ".join(stage.name for stage in result.stages)
    return Check(name="a small run", verdict="ok", found=f"{result.outcome} in {result.seconds:.1f} s: {stages}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])

"""No version with a known hole: not in the lock, not installed, not allowed by what the project asks for."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from assay.local._doctor import FLOORS

ROOT = Path(__file__).parents[2]
# The first version of each without a published hole.
HOLES = {"mlflow": "3.16.1", "ray": "2.56", "torch": "2.10", "prefect": "3.8", "jinja2": "3.1.6"}
LOCK = dict(line.lower().split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)


@pytest.mark.parametrize(("package", "floor"), HOLES.items())
def test_what_is_installed_and_what_is_locked_is_above_the_floor(package: str, floor: str) -> None:
    assert Version(version(package)) >= Version(floor)
    assert Version(LOCK[package]) >= Version(floor)


def test_the_doctor_knows_the_same_floors() -> None:
    assert FLOORS == HOLES


def test_no_requirement_lets_an_older_version_in() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(each) for extra in said["optional-dependencies"].values() for each in extra]
    for package, floor in HOLES.items():
        major, *minor = floor.split(".")
        below = f"{major}.{int(minor[0]) - 1}.99"
        for each in asked:
            if each.name.lower() == package:
                assert below not in each.specifier, each


def test_the_chart_and_the_images_have_the_ray_of_the_lock() -> None:
    values = (ROOT / "helm/assay/values.yaml").read_text()
    assert re.search(r"^  version: ([\d.]+)", values, re.MULTILINE)[1] == LOCK["ray"]  # type: ignore[index]

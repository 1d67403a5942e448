"""Print what some extras of pyproject.toml ask for, so that an image can install it before the code is there.

Usage: `python requirements.py train flows`.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(extras: list[str]) -> list[str]:
    """The build system's requirements, the dependencies, and those of `extras`, each once."""
    said = tomllib.loads(Path("pyproject.toml").read_text())
    wanted = [*said["build-system"]["requires"], *said["project"]["dependencies"]]
    for extra in extras:
        wanted += said["project"]["optional-dependencies"][extra]
    return list(dict.fromkeys(wanted))


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))

"""Files that come inside of an installed package: pretrained weights and vocabularies. Imports none of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from assay.errors import Mistake, SpecError


def file(distribution: str, path: str, *, where: str) -> Path:
    """The file `module/...` of the installed `distribution`. Raises SpecError at `where` when there is none."""
    module, _, rest = path.partition("/")
    found = importlib.util.find_spec(module)
    file = Path(found.origin).parent / rest if found is not None and found.origin else None
    if file is None or not file.is_file():
        hint = f"Write `pip install {distribution}`, or `pip install 'assay[pretrained]'`."
        raise SpecError.of(
            [Mistake(where=where, found=f"the package {distribution} is not installed", allowed="it is", hint=hint)]
        )
    return file

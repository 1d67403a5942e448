"""Where the numbers of a feature come from: a raw column, a part of a date, or two columns made into one. B rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from assay.preprocessing._dates import part
from assay.preprocessing._given import Given
from assay.preprocessing._read import Floats, Raw, finite
from assay.spec.preprocessing import CreateSpec, DatePart


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The raw columns of a feature and what is done with them."""

    how: Literal["column", "ratio", "product"] | DatePart
    columns: tuple[str, ...]

    @classmethod
    def of(cls, recipe: CreateSpec) -> Origin:
        """What a recipe of the spec is made from."""
        if recipe.bins is not None:
            return cls(how="column", columns=(recipe.bins.column,))
        if recipe.ratio is not None:
            return cls(how="ratio", columns=recipe.ratio)
        assert recipe.product is not None, "the spec has one recipe"
        return cls(how="product", columns=recipe.product)


def values(origin: Origin, raw: Raw | Given) -> Floats:
    """The raw numbers, NaN where one of the columns is missing or where a ratio divides by zero."""
    if origin.how == "column":
        return raw.numbers(origin.columns[0])
    if origin.how == "ratio" or origin.how == "product":
        a_B, b_B = (raw.numbers(name) for name in origin.columns)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return finite(a_B / b_B if origin.how == "ratio" else a_B * b_B)
    return part(raw.times(origin.columns[0]), origin.how)

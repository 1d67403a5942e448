"""What was learned, as data: one canonical JSON document, and the arrays that are too long for it as npz.

F numeric features before PCA, P components, Q entries of a quantile table.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field

import numpy as np

from assay.artifacts import Blob, Column, Preprocessing, TargetInfo, from_json, to_json
from assay.errors import StoreError
from assay.preprocessing._categorical import Bins, Levels
from assay.preprocessing._image import Image
from assay.preprocessing._numeric import Missing, Number
from assay.preprocessing._read import Floats
from assay.preprocessing._series import Series
from assay.preprocessing._text import Text
from assay.store import Store

VERSION = 1  # of the state's JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All fitted features, in the order of the arrays that come out: numbers before indicators, levels before bins."""

    inputs: tuple[Column, ...]
    numbers: tuple[Number, ...]
    indicators: tuple[Missing, ...]
    levels: tuple[Levels, ...]
    bins: tuple[Bins, ...]
    target: TargetInfo
    n_components: int = 0
    image: Image | None = None
    text: Text | None = None
    series: Series | None = None
    version: int = VERSION

    @property
    def numeric(self) -> tuple[str, ...]:
        """The names of the numeric features."""
        if self.n_components:
            return tuple(f"pca_{number}" for number in range(1, self.n_components + 1))
        return (*(number.name for number in self.numbers), *(indicator.name for indicator in self.indicators))

    @property
    def signal(self) -> Image | Text | Series | None:
        """How the column that is no table cell is read, where there is one."""
        return self.image or self.text or self.series

    @property
    def categorical(self) -> tuple[Levels | Bins, ...]:
        """The categorical features."""
        return (*self.levels, *self.bins)


VERSION = 1  # of the state's JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """Quantile tables by name of the number, [2, Q]; the mean [F] and the components [P, F] of PCA."""

    tables: dict[str, Floats] = field(default_factory=dict)
    pca_mean_F: Floats | None = None
    pca_PF: Floats | None = None


def write(state: State, arrays: Arrays, store: Store) -> tuple[Blob, Blob]:
    """Store both. Columns are named by anything, so tables are filed under the place of their number."""
    named = {f"quantiles_{i}": arrays.tables[n.name] for i, n in enumerate(state.numbers) if n.name in arrays.tables}
    if arrays.pca_mean_F is not None and arrays.pca_PF is not None:
        named |= {"pca_mean": arrays.pca_mean_F, "pca_components": arrays.pca_PF}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **named)
    return store.put(to_json(state).encode(), "preprocessing.json"), store.put(packed.getvalue(), "preprocessing.npz")


def read(prepared: Preprocessing, store: Store) -> tuple[State, Arrays]:
    """What `write` stored. Raises StoreError when the bytes are gone, changed, or of another version."""
    text = store.read(prepared.state).decode()
    if (version := json.loads(text).get("version")) != VERSION:
        raise StoreError(f"{prepared.state.name}: it has version {version}. Allowed: {VERSION}. Fit it again.")
    state = from_json(State, text)
    with np.load(io.BytesIO(store.read(prepared.arrays)), allow_pickle=False) as packed:
        named = dict(packed)
    mean_F, pca_PF = named.pop("pca_mean", None), named.pop("pca_components", None)
    tables = {state.numbers[int(name.removeprefix("quantiles_"))].name: table for name, table in named.items()}
    return state, Arrays(tables=tables, pca_mean_F=mean_F, pca_PF=pca_PF)

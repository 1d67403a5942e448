"""Categories as codes: 0 is missing, 1 is rare or never seen in training, 2 and more are the levels, sorted by value.

B rows of a batch, N training rows, L entries of a dictionary.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.preprocessing._create import Origin
from assay.preprocessing._read import Floats, one_array, positions
from assay.spec.preprocessing import CategoricalSpec, Encode

MISSING, OTHER, FIRST_LEVEL = 0, 1, 2
UNSEEN = -1  # an OTHER that no training row has, until it is counted
MAX_RARE = 10_000

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The levels of a raw column.

    `rare` holds digests of the levels that share a code: enough to tell them from those never seen, without keeping
    texts that few rows have and that may name a person.
    """

    name: str
    origin: Origin
    encode: Encode
    levels: tuple[str, ...]
    rare: tuple[str, ...] = ()

    @property
    def n_levels(self) -> int:
        """How many codes there are."""
        return FIRST_LEVEL + len(self.levels)


class Lookup(dict[str | None, int]):
    """From text to code: a dict of the levels, which answers OTHER or UNSEEN for every other text."""

    def __init__(self, feature: Levels) -> None:
        super().__init__({level: code for code, level in enumerate(feature.levels, start=FIRST_LEVEL)})
        self[None] = MISSING
        self._rare = frozenset(feature.rare)

    def __missing__(self, level: str) -> int:
        return OTHER if digest(level) in self._rare else UNSEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """A number as a category: bin i holds the values from edge i-1 up to, but not including, edge i."""

    name: str
    origin: Origin
    encode: Encode
    edges: tuple[float, ...]

    @property
    def n_levels(self) -> int:
        """How many codes there are: one more bin than edges, beside missing and other."""
        return FIRST_LEVEL + len(self.edges) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCategory:
    """A categorical feature, the training rows of each code, how much its one-hot columns vary, its rare levels."""

    feature: Levels | Bins
    n_rows: tuple[int, ...]
    n_rare: int = 0

    @property
    def variance(self) -> float:
        """The sum of the variances of its one-hot columns: 1 - sum p^2, Gini's impurity."""
        return 1 - sum(share**2 for share in self.shares)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each code among the training rows."""
        return tuple(n / sum(self.n_rows) for n in self.n_rows)


def apply_bins(bins: Bins, x_B: Floats) -> Codes:
    """The codes of numbers."""
    codes_B = np.searchsorted(np.array(bins.edges), x_B, side="right") + FIRST_LEVEL
    return np.where(np.isnan(x_B), MISSING, codes_B)


def fit(name: str, column: pa.DictionaryArray, rule: CategoricalSpec) -> FittedCategory | str:
    """The levels that enough training rows have or, in words, why the column is of no use."""
    levels, counts = count(column)
    n_kept = min(int((counts >= rule.min_count).sum()), rule.max_levels)
    n_rare = len(levels) - n_kept
    n_missing = len(column) - int(counts.sum())
    kept = dict(zip(levels[:n_kept].to_pylist(), counts.tolist(), strict=False))
    groups = (n_missing, int(counts[n_kept:].sum()), *(kept[level] for level in sorted(kept)))
    if not len(counts):
        return "has no value in the training rows"
    if np.count_nonzero(groups) < 2:
        return "has one level" if len(counts) == 1 else f"has no level that {rule.min_count} training rows share"
    feature = Levels(
        name=name,
        origin=Origin(how="column", columns=(name,)),
        encode=rule.encode,
        levels=tuple(sorted(kept)),
        rare=tuple(sorted(map(digest, levels[n_kept:].to_pylist()))) if n_rare <= MAX_RARE else (),
    )
    return FittedCategory(feature=feature, n_rows=groups, n_rare=n_rare)


def fit_bins(bins: Bins, x_N: Floats) -> FittedCategory | str:
    """The bins, unless all training rows lie in one of them."""
    counts = np.bincount(apply_bins(bins, x_N), minlength=bins.n_levels)
    if np.count_nonzero(counts) < 2:
        return "has all training rows in one bin"
    return FittedCategory(feature=bins, n_rows=tuple(counts.tolist()))


def count(column: pa.DictionaryArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """The levels that these rows have, most frequent first and then by value, and how often.

    The dictionary may hold levels of other rows, in any order: neither shows in what is returned.
    """
    counts_L = np.bincount(positions(column), minlength=len(column.dictionary) + 1)[:-1]
    seen = pa.table({"level": column.dictionary, "count": counts_L})
    seen = seen.filter(pc.and_(pc.greater(seen["count"], 0), pc.is_valid(seen["level"])))
    seen = seen.sort_by([("count", "descending"), ("level", "ascending")])
    return one_array(seen["level"]), seen["count"].to_numpy()


def digest(level: str) -> str:
    """64 bits of a level, in hexadecimal."""
    return hashlib.blake2b(level.encode(), digest_size=8).hexdigest()

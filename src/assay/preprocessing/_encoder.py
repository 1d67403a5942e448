"""The fitted preprocessing as a pure function of an Arrow table.

B rows, F numeric features, C categorical features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.errors import DataError
from assay.preprocessing import _categorical, _numeric, _target
from assay.preprocessing._create import values
from assay.preprocessing._given import Given, Value, as_table
from assay.preprocessing._read import Floats, Raw
from assay.preprocessing._state import Arrays, State


@dataclass(frozen=True, slots=True)
class Counts:
    """What was met in a table: values of inputs that are missing, and levels that no training row has."""

    n_missing: int = 0
    n_unseen: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.n_missing + other.n_missing, self.n_unseen + other.n_unseen)


class Encoder:
    """Raw rows to what models take. Holds plain arrays and dicts, changes nothing, and may be shared by threads."""

    def __init__(self, state: State, arrays: Arrays) -> None:
        self.state = state
        self._arrays = arrays
        self._lookups = [_categorical.Lookup(feature) for feature in state.levels]
        most = max((feature.n_levels for feature in state.categorical), default=0)
        self.code_type: type[np.int16] | type[np.int32] = np.int16 if most <= np.iinfo(np.int16).max else np.int32

    def features(self, table: pa.Table | pa.RecordBatch) -> tuple[NDArray[Any], ...]:
        """What a network takes, in order.

        Numeric features (float32 [B, F]), codes (int16, or int32 where those do not suffice, [B, C]) and, where there
        is an image, a text or a series, that one (see `Signal`).

        The table needs the columns `Preprocessing.inputs`; others are ignored. Raises DataError when one is missing
        or has another type, or holds an image, a text or a series that cannot be used.
        """
        *arrays, _ = self.counted(table)
        return tuple(arrays)

    def counted(self, table: pa.Table | pa.RecordBatch, rows_B: NDArray[np.int64] | None = None) -> tuple[Any, ...]:
        """As `features`, and as the last item the `Counts` of what was met on the way.

        `rows_B` are the ids by which an error calls rows; without them it counts those of the table.
        """
        raw = Raw.of_table(table, self.state.inputs)
        *arrays, counts = self._encoded(raw, table.num_rows)
        signal = self.state.signal
        if signal is None:
            return *arrays, counts
        rows_B = np.arange(table.num_rows) if rows_B is None else rows_B
        return *arrays, signal.read(raw.array(signal.column), rows_B), counts

    def rows(self, rows: Sequence[Mapping[str, Value]]) -> tuple[Any, ...]:
        """As `counted`, for a few rows as `_given` describes them, without a table: the same bits, sooner."""
        if self.state.signal is not None:
            return self.counted(as_table(rows, self.state.inputs))
        return self._encoded(Given(rows, self.state.inputs), len(rows))

    def _encoded(self, raw: Raw | Given, n_rows: int) -> tuple[NDArray[np.float32], NDArray[Any], Counts]:
        numeric_BF = self._numeric(raw, n_rows)
        codes_BC, n_unseen = self._codes(raw, n_rows)
        n_missing = sum(raw.n_missing(column.name) for column in self.state.inputs)
        return numeric_BF, codes_BC, Counts(n_missing, n_unseen)

    def target(self, table: pa.Table | pa.RecordBatch) -> _target.Target:
        """The target: class indices (int64 [B]) or standardised numbers (float32 [B]).

        Raises DataError when the column is not there, a value is missing, or a class is none of the training rows'.
        """
        info = self.state.target
        if table.schema.get_field_index(info.column) < 0:
            raise DataError(f"column {info.column!r}, the target, is missing. Allowed: a table that has it once.")
        return _target.apply(table.column(info.column), info)

    def to_units(self, y_B: NDArray[Any]) -> Floats:
        """A regression's standardised numbers, of any shape, in the units of the target (float64)."""
        return _target.to_units(y_B, self.state.target)

    def _numeric(self, raw: Raw | Given, n_rows: int) -> NDArray[np.float32]:
        numbers, indicators, tables = self.state.numbers, self.state.indicators, self._arrays.tables
        numeric_BF = np.empty((n_rows, len(numbers) + len(indicators)), np.float32)
        for f, number in enumerate(numbers):
            numeric_BF[:, f] = _numeric.apply(number, values(number.origin, raw), tables.get(number.name))
        for f, indicator in enumerate(indicators, start=len(numbers)):
            numeric_BF[:, f] = np.isnan(values(indicator.origin, raw))
        if self._arrays.pca_mean_F is None or self._arrays.pca_PF is None:
            return numeric_BF
        return ((numeric_BF - self._arrays.pca_mean_F) @ self._arrays.pca_PF.T).astype(np.float32)

    def _codes(self, raw: Raw | Given, n_rows: int) -> tuple[NDArray[Any], int]:
        codes_BC = np.empty((n_rows, len(self.state.categorical)), self.code_type)
        n_unseen = 0
        for c, (feature, lookup) in enumerate(zip(self.state.levels, self._lookups, strict=True)):
            codes_B = raw.codes(feature.name, lookup.__getitem__)
            unseen_B = codes_B == _categorical.UNSEEN
            n_unseen += int(unseen_B.sum())
            codes_BC[:, c] = np.where(unseen_B, _categorical.OTHER, codes_B)
        for c, bins in enumerate(self.state.bins, start=len(self._lookups)):
            codes_BC[:, c] = _categorical.apply_bins(bins, values(bins.origin, raw))
        return codes_BC, n_unseen

"""What would have to be different for another decision (Wachter et al. 2018), over what a person can change.

One value at a time, the shortest step that turns the decision; where none does, the one that helps most, and then a
further column. Values are those of other rows, and go only the way that the spec says, so nothing is advised that
nobody has. S sampled rows, A adverse rows, R raw columns.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from assay.artifacts import Change, Changes
from assay.errors import DataError
from assay.evaluation._intervals import wilson
from assay.explain import _columns
from assay.explain._reasons import HIDDEN, LEVEL, N_EXAMPLES
from assay.explain._rows import Floats, Places, Sample, is_number, numbers
from assay.spec.evidence import ExplainSpec

MOST_ROWS = 100
MOST_COLUMNS = 3  # that are changed together
OTHER_LEVEL = 0.5  # how far one level lies from another, in shares of the rows between two numbers


def changes(sample: Sample, adverse_A: Places, adverse: int, config: ExplainSpec, personal: tuple[str, ...]) -> Changes:
    """What turns the decisions of the first of the rows at the places `adverse_A`."""
    adverse_A = adverse_A[:MOST_ROWS]
    columns = sample.table.column_names
    place_AR, open_A = sample.own_SR[adverse_A], np.ones(len(adverse_A), bool)
    untouched_AR = place_AR.copy()
    for _ in range(min(MOST_COLUMNS, len(config.mutable))):
        if open_A.any():
            place_AR[open_A], turned = _step(sample, place_AR[open_A], untouched_AR[open_A], adverse, config)
            open_A[np.flatnonzero(open_A)[turned]] = False
    done_A = np.flatnonzero(~open_A)
    counts = Counter(columns[r] for a in done_A for r in np.flatnonzero(place_AR[a] != untouched_AR[a]))
    n = len(adverse_A)
    return Changes(
        n_rows=n,
        found=wilson(len(done_A), max(n, 1), LEVEL),
        by_column=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        examples=tuple(_told(sample, untouched_AR[a], place_AR[a], personal) for a in done_A[:N_EXAMPLES]),
    )


def _step(
    sample: Sample, place_AR: Places, untouched_AR: Places, adverse: int, config: ExplainSpec
) -> tuple[Places, Places]:
    """One more value changed per row, and which rows that turned."""
    best_AR, cost_A = place_AR.copy(), np.full(len(place_AR), np.inf)
    limit = _limit(sample, adverse)
    score_A = sample.score(place_AR, adverse)
    for name, way in config.mutable.items():
        r = sample.table.column_names.index(name)
        rank_S = _ranks(sample, name, way)
        for place in sample.places(name):
            tried_AR = place_AR.copy()
            tried_AR[:, r] = place
            moved_A = np.full(len(place_AR), OTHER_LEVEL) if rank_S is None else rank_S[place] - rank_S[place_AR[:, r]]
            allowed_A = (place_AR[:, r] == untouched_AR[:, r]) & (moved_A != 0)
            allowed_A &= {"up": moved_A > 0, "down": moved_A < 0, "any": True}[way]
            after_A = sample.score(tried_AR, adverse)
            # Those that turn the decision come first, the shortest of them; then those that help most.
            turns_A = after_A < limit
            found_A = np.where(turns_A, np.abs(moved_A), 1e6 + after_A - score_A)
            better_A = allowed_A & (found_A < cost_A) & (turns_A | (after_A < score_A))
            best_AR[better_A], cost_A[better_A] = tried_AR[better_A], found_A[better_A]
    return best_AR, np.flatnonzero(cost_A < 1e5)


def _limit(sample: Sample, adverse: int) -> float:
    """The log-odds of the adverse class below which the decision is another one."""
    target, threshold = sample.predictor.target, sample.predictor.calibration.threshold
    if threshold is None or target.positive is None:
        return 0.0  # of many classes: below even odds, which is enough
    at = threshold if adverse == target.positive else 1 - threshold
    return float(np.log(at / (1 - at))) if 0 < at < 1 else 0.0


def _ranks(sample: Sample, name: str, way: str) -> Floats | None:
    """The share of rows below each value of a number; None for levels, which have no order."""
    values = sample.table.column(name)
    if not is_number(values.type):
        if way != "any":
            raise DataError(f"audit.explain.mutable: {name!r} has levels, and they have no order. Allowed: any.")
        return None
    x_S = numbers(values)
    rising_S = np.sort(x_S[np.isfinite(x_S)])
    return np.asarray(np.searchsorted(rising_S, np.nan_to_num(x_S, nan=-np.inf)) / max(1, len(rising_S)))


def _told(sample: Sample, before_R: Places, after_R: Places, personal: tuple[str, ...]) -> tuple[Change, ...]:
    columns = sample.table.column_names
    found = []
    for r in np.flatnonzero(before_R != after_R):
        name = columns[r]
        (value,), (other,) = _columns.texts(sample.table.take(pa.array([before_R[r], after_R[r]])), [name])
        hidden = name in personal
        found.append(Change(column=name, value=HIDDEN if hidden else value, other=HIDDEN if hidden else other))
    return tuple(found)

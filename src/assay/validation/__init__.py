"""What must be true of the data before anything is trained, held by Great Expectations.

Why this shape: importing Great Expectations takes two seconds and 280 MB, so it lives in a process of its own, which
can be started while the driver imports other things, and whose memory is gone when the answer is there. It maps the
snapshot from disk and looks at the columns that expectations name, a few at a time: the table is never copied whole.
What is asked and what is answered is plain JSON; the page for people is made from the report alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.artifacts import Column, Snapshot, ValidationReport
from assay.errors import DataError, ValidationFailed

if TYPE_CHECKING:
    from assay.spec.data import ValidationSpec
    from assay.store import Store


def warm() -> None:
    """Start the process that validates, if none waits. It imports on its own time and ends with this process."""
    from assay.validation import _child

    _child.warm()


def validate(
    snapshot: Snapshot, config: ValidationSpec, personal: tuple[str, ...], *, store: Store
) -> ValidationReport:
    """Hold every expectation against all rows of `snapshot`. A failed one is reported, never raised.

    Nulls are looked at by `not_null` alone. `n_unexpected` and `n_checked` count rows; no value of a `personal` column
    is reported. Raises DataError when an expectation cannot be asked of the column that it names.
    """
    from assay.validation import _report

    return _report.validate(snapshot, config, personal, store)


def problems(config: ValidationSpec, columns: tuple[Column, ...]) -> dict[int, str]:
    """What is wrong with expectations that cannot be asked of such columns, by position (from 0)."""
    from assay.validation import _plan

    found = {}
    for position, spec in enumerate(config.expectations):
        try:
            _plan.question(position + 1, spec, columns, ())
        except DataError as error:
            found[position] = str(error).partition(": ")[2]
    return found


def failure(report: ValidationReport) -> ValidationFailed:
    """The error for a report that has not passed: every failed expectation, its column, count and examples."""
    from assay.validation import _report

    return _report.failure(report)

"""Columns that hold personal data and are not declared as such: what their values look like, and what they are called.

Every distinct text is looked at once, so a column of a million rows costs what its levels cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.artifacts import DataCheck

SHARE = 0.01  # of a column's rows that look alike before it counts as that; a stray match is no column of e-mails
PATTERNS = {
    "e-mail addresses": r"[\w.+-]+@[\w-]+\.[\w.-]*\w",
    "IBANs": r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7} ?[A-Z0-9]{0,4}",
    "US social security numbers": r"\d{3}-\d{2}-\d{4}",
    "IP addresses": r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}",
    "payment card numbers": r"\d(?:[ -]?\d){12,18}",
    "telephone numbers": r"[+(]?\d[\d ().-]{6,}\d",  # last, as much else looks like one
}
NAMES = re.compile(
    r"(^|_)(e_?mail|phone|mobile|ssn|passport|iban|(first|last|full|sur)_?name|street|address|birth_?date|dob)(_|$)",
    re.I,
)


def personal_data(table: pa.Table, columns: Sequence[str], declared: Sequence[str]) -> Iterator[DataCheck]:
    """A FAIL per column that looks personal and is not declared, a PASS where there is none. Values are never shown."""
    looked = [name for name in columns if name not in declared]
    suspects = 0
    for name in looked:
        what, share = _kind(table.column(name).combine_chunks())
        if not what and NAMES.search(name):
            what = "what its name says"
        if what:
            suspects += 1
            yield DataCheck(
                check="personal data",
                about=name,
                verdict="FAIL",
                reason=f"Looks like {what} ({share:.1%} of its rows). Leave it out, or declare it under `personal`.",
                value=share,
            )
    if not suspects:
        reason = f"None of {len(looked)} undeclared columns looks like personal data."
        yield DataCheck(check="personal data", about="all columns", verdict="PASS", reason=reason, value=0.0)


def _kind(values: Any) -> tuple[str, float]:
    """What most of a column's texts look like, and the share of rows; nothing for numbers and times."""
    if not pa.types.is_dictionary(values.type) and not pa.types.is_string(values.type):
        return "", 0.0
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    n_L = np.bincount(values.indices.drop_null().to_numpy(), minlength=len(values.dictionary))
    levels = pc.cast(values.dictionary, pa.string())
    best, n_rows = "", 0
    for what, pattern in PATTERNS.items():
        matched_L = pc.match_substring_regex(levels, f"^(?:{pattern})$").fill_null(False).to_numpy(zero_copy_only=False)
        if what == "payment card numbers":
            matched_L = _luhn(levels, matched_L)
        if n_L[matched_L].sum() > n_rows:
            best, n_rows = what, int(n_L[matched_L].sum())
    share = n_rows / max(1, len(values) - values.null_count)
    return (best, share) if share >= SHARE else ("", 0.0)


def _luhn(levels: Any, matched_L: Any) -> Any:
    """Of the matches, those whose check digit is right (Luhn 1960)."""
    right_L = np.zeros(len(levels), bool)
    for at in np.flatnonzero(matched_L):
        digits = [int(letter) for letter in reversed(levels[int(at)].as_py()) if letter.isdigit()]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
        right_L[at] = (sum(digits[::2]) + sum(doubled)) % 10 == 0
    return right_L

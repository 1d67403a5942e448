"""The words and the bytes that every hand-off is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FOLD_COLUMN = "assay_fold"
"""The column that a source of pre-split files adds: the fold that a row's file was given for. Never a feature."""

Task = Literal["classification", "regression"]
SignalKind = Literal["image", "text", "series"]
Kind = Literal["numeric", "categorical", "datetime", "image", "text", "series"]
FoldName = Literal["train", "valid", "test", "audit"]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "NOT_APPLICABLE", "ERROR"]
Severity = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes in the store, named by their digest. `uri` is relative to the store; `name` is a file name for people."""

    uri: str
    sha256: str
    n_bytes: int
    name: str

"""How often a fold has been looked at: each model that is judged on it makes the next verdict on it worth less."""

from __future__ import annotations

from typing import Any

from assay.artifacts import Fold, sha256_of, to_json
from assay.ledger import Ledger


def fold_digest(fold: Fold) -> str:
    """What a fold is known by: its rows and the data that they are rows of."""
    return sha256_of(to_json(fold))


def next_look(ledger: Ledger, fold: Any, model: Any) -> int:
    """Which look it was, or would be, without writing it down; 0 where fold or model are not known yet."""
    if not fold or not model:
        return 0
    known = ledger.looks(fold_digest(fold))
    return known.index(model.sha256) + 1 if model.sha256 in known else len(known) + 1

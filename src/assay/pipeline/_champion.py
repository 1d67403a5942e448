"""Whom a candidate is compared with, and on which rows.

A champion that was trained on rows of today's test fold would be praised for remembering them, so both are compared on
rows that neither has trained on.
"""

from __future__ import annotations

from typing import Any

from assay import registry
from assay.artifacts import Blob, Champion, Folds, TestFold, as_data, from_json, to_json
from assay.errors import RegistryError
from assay.ledger import Ledger
from assay.spec import Spec
from assay.store import Store


def find(spec: Spec, model_sha256: str, uri: str, ledger: Ledger) -> tuple[Champion | None, str]:
    """The champion before this model, and why it could not be asked for (empty when it could)."""
    try:
        champion = registry.champion(
            spec.registered_name,
            spec.registry.alias,
            uri=uri,
            home=ledger.home,
            store=ledger.store,
            excluding=model_sha256,
        )
    except RegistryError as error:
        return None, str(error)
    ledger.note(_note(spec, model_sha256), {"champion": as_data(champion)})
    return champion, ""


def last_seen(spec: Spec, model_sha256: str, ledger: Ledger) -> Champion | None:
    """The champion that `find` saw for this model last time, without asking the registry."""
    noted = ledger.noted(_note(spec, model_sha256))
    if not noted or noted["champion"] is None:
        return None
    return from_json(Champion, to_json(noted["champion"]))


def unseen(fold: TestFold, row_hashes: Blob, seen: Blob, store: Store) -> tuple[TestFold, int]:
    """`fold` without the rows whose content hash is among `seen`, and how many those were."""
    import numpy as np

    rows = store.array(fold.rows)
    fresh: np.ndarray[Any, Any] = ~np.isin(store.array(row_hashes)[rows], store.array(seen))
    if fresh.all():
        return fold, 0
    kept = store.put_array(rows[fresh], "rows.npy")
    return TestFold(table=fold.table, rows=kept, n_rows=int(fresh.sum())), int((~fresh).sum())


def trained_on(folds: Folds, store: Store) -> Blob:
    """The content hashes of the rows that a training looked at: to fit, or to stop and calibrate."""
    import numpy as np

    hashes = store.array(folds.row_hashes)
    seen = [hashes[store.array(fold.rows)] for fold in (folds.train, folds.valid)]
    return store.put_array(np.sort(np.concatenate(seen)), "train_hashes.npy")


def _note(spec: Spec, model_sha256: str) -> str:
    return f"champion-{spec.registered_name}-{spec.registry.alias}-{model_sha256[:16]}"

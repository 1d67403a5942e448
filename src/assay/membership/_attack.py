"""The attack: a pool of rows, shadow trainings on halves of it, and what they say. N rows, M shadows, O outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assay import preprocessing, training
from assay.artifacts import Blob, Encoded, Membership, Model, Predictions, Silent, TrainFold, TrainingArrays
from assay.inference._predictor import scorer
from assay.membership import _lira
from assay.membership._lira import Floats
from assay.preprocessing._encode import encode_fold
from assay.spec.evidence import MembershipSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store

SEED = 1_000_003  # apart from the seeds of the audit's other trainings


@dataclass(frozen=True)
class Shadows:
    """How shadow models are trained: as the model at hand was, on other rows."""

    family: ModelSpec
    training: TrainingSpec
    compute: ComputeSpec
    seed: int
    valid: Encoded
    folder: Path
    root: Path | None
    weights: Blob | None = None

    def trained(self, i: int, train: Encoded, model: Model, store: Store) -> Model:
        """The `i`-th one, on these rows."""
        return training.train(
            TrainingArrays(train=train, valid=self.valid), model.preprocessing, self.family, self.training,
            self.compute, (self.seed + SEED + i) % 2**32, store=store, events=Silent(),
            folder=self.folder / f"shadow-{i}", root=self.root, weights=self.weights,
        )  # fmt: skip


def attack(
    model: Model,
    train: TrainFold,
    others: Predictions,
    row_hashes: Blob,
    shadows: Shadows,
    config: MembershipSpec,
    store: Store,
) -> Membership:
    """See `assay.membership.attack`."""
    hash_A = store.array(row_hashes)
    members, other_N = store.array(train.rows), store.table(others.table, ["row"])["row"].to_numpy()
    other_N = other_N[~np.isin(hash_A[other_N], hash_A[members])]
    row_N = np.sort(np.concatenate([members, other_N]))
    fold = replace(train, rows=store.put_array(row_N, "rows.npy"), n_rows=len(row_N))
    pool = encode_fold(preprocessing.encoder(model.preprocessing, store=store), fold, store)
    inside_MN = _lira.halves(hash_A[row_N], config.shadows)
    sure = [_sure(model, pool, store, shadows.root)]
    for i, inside_N in enumerate(inside_MN):
        shadow = shadows.trained(i, _part(pool, np.flatnonzero(inside_N), store), model, store)
        sure.append(_sure(shadow, pool, store, shadows.root))
    ratio_N = _lira.ratios(sure[0], np.stack(sure[1:]), inside_MN)
    is_member_N = np.isin(row_N, members)
    ours, theirs = ratio_N[is_member_N], ratio_N[~is_member_N]
    return Membership(
        attack="lira",
        n_shadows=config.shadows,
        n_members=len(ours),
        n_others=len(theirs),
        fpr=config.fpr,
        tpr=_lira.recognised(ours, theirs, config.fpr),
        auc=_lira.area(ours, theirs),
    )


def _sure(model: Model, pool: Encoded, store: Store, root: Path | None) -> Floats:
    """How sure a model is of the truth: its log-odds, which are about normal; of numbers minus the log of the error."""
    out_NO = scorer(model, store, root)(*(np.array(store.array(blob)) for blob in pool.inputs)).astype(np.float64)
    target_N = store.array(pool.target)
    if model.preprocessing.target.task == "regression":
        return np.asarray(-np.log(np.abs(out_NO[:, 0] - target_N) + 1e-3))
    own_N = out_NO[np.arange(len(out_NO)), target_N]
    out_NO[np.arange(len(out_NO)), target_N] = -np.inf
    top_N = out_NO.max(axis=1)
    return np.asarray(own_N - (top_N + np.log(np.exp(out_NO - top_N[:, None]).sum(axis=1))))


def _part(pool: Encoded, rows: np.ndarray[tuple[int], np.dtype[np.int64]], store: Store) -> Encoded:
    """These rows of the pool."""

    def taken(blob: Blob) -> Blob:
        return store.put_array(np.asarray(store.array(blob)[rows]), blob.name)

    signal = None if pool.signal is None else taken(pool.signal)
    return Encoded(
        numeric=taken(pool.numeric), codes=taken(pool.codes), target=taken(pool.target), n_rows=len(rows), signal=signal
    )

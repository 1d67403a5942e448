"""The attack finds a model that remembers, and calls no other one: planted, and against closed forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from assay import gates, inference, membership, preprocessing, training
from assay.artifacts import Membership, Silent
from assay.membership import _lira
from assay.spec.evidence import GateSpec, MembershipSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store
from tests.audit.prepared import spec, until_trained
from tests.contracts.test_gates import full

N = 1500


def coins() -> pa.Table:
    """Labels that no feature tells: whoever fits them has learned the rows by heart. The valid rows are so easy that
    every further epoch looks better on them.
    """
    rng = np.random.default_rng(0)
    easy = np.arange(N) < 60
    columns: dict[str, Any] = {f"x{i}": np.where(easy, 0, rng.normal(size=N)) for i in range(8)}
    fold = np.where(easy, "valid", np.where(np.arange(N) % 2 == 0, "test", "train"))
    yes = rng.random(N) < 0.5
    columns["x0"] = np.where(easy, np.where(yes, 3.0, -3.0), 0.5 * (2 * yes - 1) + columns["x0"])
    return pa.table(columns | {"y": np.where(yes, "yes", "no"), "sex": rng.choice(["a", "b"], N), "fold": fold})


def attacked(folder: Path, family: ModelSpec, how: TrainingSpec) -> Membership:
    store, compute = Store(folder / "store"), ComputeSpec(device="cpu", threads=1)
    split = {"by": "column", "column": "fold", "train": "train", "valid": "valid", "test": "test"}
    planted = spec(split=split, preprocessing={"numeric": {"scale": "standard"}})
    _, folds, prepared = until_trained(coins(), planted, store)
    arrays = preprocessing.encode(prepared, folds.train, folds.valid, store=store)
    model = training.train(
        arrays, prepared, family, how, compute, 0, store=store, events=Silent(), folder=folder / "model"
    )
    others = inference.predict(model, folds.test, None, store=store)
    asked = MembershipSpec(shadows=8, fpr=0.05)
    return membership.attack(
        model, folds.train, others, arrays.valid, folds.row_hashes, family, how, compute, 0, asked,
        store=store, folder=folder / "shadows",
    )  # fmt: skip


def gate(found: Membership) -> str:
    asked = GateSpec.model_validate({"gate": "max_membership", "at_most": 0.11})
    return gates.decide(replace(full(), membership=found), (asked,), False).gates[0].verdict


def test_a_model_that_remembers_fails_and_a_regular_one_passes(tmp_path: Path) -> None:
    options = {"family": "mlp", "width": 256, "depth": 2, "dropout": 0.0, "numeric_embedding": "none"}
    by_heart = TrainingSpec(epochs=50, batch_size=64, lr=0.003, early_stopping=None)
    remembers = attacked(tmp_path / "a", ModelSpec.model_validate(options), by_heart)
    regular = attacked(tmp_path / "b", ModelSpec(family="linear"), TrainingSpec(epochs=5, batch_size=256, lr=0.01))
    assert gate(remembers) == "FAIL"
    assert gate(regular) == "PASS"
    assert remembers.auc > 0.65 > 0.6 > regular.auc


def test_each_row_is_in_half_of_the_shadows_whatever_the_order_of_rows() -> None:
    hash_N = np.random.default_rng(0).integers(0, 2**63, 500).astype(np.uint64)
    inside_MN = _lira.halves(hash_N, 8)
    assert (inside_MN.sum(axis=0) == 4).all()
    assert abs(inside_MN.mean(axis=1) - 0.5).max() < 0.1
    np.testing.assert_array_equal(_lira.halves(hash_N[::-1], 8), inside_MN[:, ::-1])


def test_what_is_recognised_is_a_point_of_the_roc_curve() -> None:
    rng = np.random.default_rng(1)
    member_N, other_N = rng.normal(1, 1, 3000), rng.normal(0, 1, 5000)
    found = _lira.recognised(member_N, other_N, 0.01)
    assert found.value == pytest.approx((member_N > np.quantile(other_N, 0.99)).mean(), abs=0.005)
    assert found.low < 0.0925 < found.high  # the normal tail beyond 2.326 - 1
    labels = np.r_[np.ones(3000), np.zeros(5000)]
    assert _lira.area(member_N, other_N) == pytest.approx(roc_auc_score(labels, np.r_[member_N, other_N]))


def test_an_attack_on_nothing_recognises_no_more_than_its_false_alarms() -> None:
    rng = np.random.default_rng(2)
    holds = []
    for _ in range(200):
        found = _lira.recognised(rng.normal(size=2000), rng.normal(size=2000), 0.01)
        holds.append(found.low <= 0.01 <= found.high)
    assert np.mean(holds) >= 0.95

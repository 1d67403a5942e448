"""Slices: what was planted is found and confirmed, noise is not, and a near copy is named once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from assay import audit, gates
from assay.artifacts import Evaluation, Evidence, Slices, to_json
from assay.data._hash import row_hashes
from assay.spec.evidence import GateSpec, SlicesSpec
from assay.store import Store
from tests.audit.example import predictions, snapshot

N_ROWS = 8000


def table(seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    town = rng.choice(["a", "b", "c", "d"], N_ROWS)
    return pa.table(
        {
            "id": rng.permutation(N_ROWS),
            "town": pa.array(town).dictionary_encode(),
            "postcode": pa.array([f"1{each}" for each in town]).dictionary_encode(),  # the same rows by another name
            "age": pa.array(rng.integers(18, 90, N_ROWS).astype(float), mask=rng.random(N_ROWS) < 0.05),
            "club": pa.array(np.where(rng.random(N_ROWS) < 0.3, "yes", "no")).dictionary_encode(),
        }
    )


def searched(store: Store, people: pa.Table, wrong: Any, columns: tuple[str, ...], **config: Any) -> Slices:
    """The search over predictions that are wrong in these rows."""
    y = np.zeros(len(wrong), int)
    p = np.column_stack([1.0 - wrong, wrong])
    hashes = store.put_array(row_hashes(people, people.column_names), "hashes.npy")
    ours = predictions(store, y, wrong.astype(int), p)
    return audit.slices(ours, snapshot(store, people), hashes, columns, SlicesSpec(**config), store=store)


COLUMNS = ("town", "age", "club")


def planted(seed: int = 0) -> tuple[pa.Table, Any]:
    """Everybody is wrongly judged in 10 %, people of 55 and more in town b in 40 %."""
    people = table(seed)
    age = people["age"].to_numpy()
    bad = (np.asarray(people["town"].to_pylist()) == "b") & (age >= 55)
    return people, np.random.default_rng(1).random(N_ROWS) < np.where(bad, 0.4, 0.1)


def test_a_planted_slice_is_found_and_confirmed_on_rows_that_did_not_suggest_it(store: Store) -> None:
    people, wrong = planted()
    found = searched(store, people, wrong, COLUMNS)
    best = max(found.slices, key=lambda one: one.gap.value)
    assert best.confirmed
    assert "town is b" in best.described
    assert "age from" in best.described
    explore = (np.asarray(row_hashes(people, people.column_names)) >> np.uint64(32)) & np.uint64(1) == 0
    assert best.n_rows < (~explore).sum() / 8
    assert best.gap.value > 0.2
    assert best.gap.low <= best.error - best.error_of_rest <= best.gap.high


def test_the_test_of_a_slice_is_welchs(store: Store) -> None:
    people, wrong = planted()
    found = searched(store, people, wrong, ("town",))
    (best,) = (one for one in found.slices if one.described == "town is b")
    explore = (np.asarray(row_hashes(people, people.column_names)) >> np.uint64(32)) & np.uint64(1) == 0
    own = np.asarray(people["town"].to_pylist()) == "b"
    expected = stats.ttest_ind(
        wrong[own & ~explore].astype(float), wrong[~own & ~explore].astype(float), equal_var=False,
        alternative="greater",
    )  # fmt: skip
    assert best.gap.value == pytest.approx(wrong[own & ~explore].mean() - wrong[~own & ~explore].mean(), abs=1e-12)
    assert best.p == pytest.approx(expected.pvalue * len(found.slices), rel=0.05, abs=1e-9)


def test_noise_is_rarely_confirmed(store: Store) -> None:
    people = table()
    n_false = sum(
        any(one.confirmed for one in searched(store, people, rng.random(N_ROWS) < 0.2, COLUMNS).slices)
        for rng in map(np.random.default_rng, range(40))
    )
    assert n_false <= 4  # 5 % of 40, where Benjamini-Hochberg lets anything through at all


def test_near_copies_are_one_slice(store: Store) -> None:
    people = table()
    wrong = np.random.default_rng(1).random(N_ROWS) < np.where(np.asarray(people["town"].to_pylist()) == "b", 0.4, 0.1)
    found = searched(store, people, wrong, ("town", "postcode"))
    assert found.n_suggested >= 3  # the town, its postcode, both
    assert len(found.slices) == 1


def test_the_order_of_the_rows_changes_nothing(store: Store) -> None:
    people, wrong = planted()
    order = np.random.default_rng(2).permutation(N_ROWS)
    first = searched(store, people, wrong, COLUMNS)
    assert to_json(searched(store, people.take(pa.array(order)), wrong[order], COLUMNS)) == to_json(first)


def test_a_gate_holds_confirmed_slices_against_its_tolerance(store: Store) -> None:
    people, wrong = planted()
    found = searched(store, people, wrong, COLUMNS)
    nothing = Evaluation(metrics=(), confusion=(), classes=(), curves=(), diagnoses=(), n_rows=N_ROWS)
    evidence = Evidence(evaluation=nothing, findings=None, comparisons=(), champion_version=0, slices=found)

    def verdict(tolerance: float, seen: Slices = found) -> str:
        gate = GateSpec.model_validate({"gate": "max_slice_gap", "tolerance": tolerance})
        return gates.decide(replace(evidence, slices=seen), (gate,), False).gates[0].verdict

    assert verdict(0.05) == "FAIL"
    assert verdict(0.3) in ("INCONCLUSIVE", "PASS")
    assert verdict(0.6) == "PASS"
    assert verdict(0.05, replace(found, slices=())) == "PASS"


def test_too_few_rows_suggest_nothing(store: Store) -> None:
    people, wrong = planted()
    assert searched(store, people, wrong, COLUMNS, min_rows=5000).slices == ()

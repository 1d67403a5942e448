"""Who is judged by the seed, and for whom sets of classes keep their promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay import audit
from assay.artifacts import Share
from assay.errors import DataError
from assay.spec.evidence import AuditSpec
from assay.store import Store
from tests.audit.example import binary, numbers, people, predictions, snapshot

N_ROWS = 12_000
SPEC = AuditSpec(sensitive=("sex",))


def by_group(shares: tuple[Share, ...]) -> dict[tuple[str, str], Share]:
    return {(share.group, share.what): share for share in shares}


def test_the_rows_that_models_do_not_agree_on_are_counted_per_group(store: Store) -> None:
    y, y_hat, p = binary(3000)
    woman = np.asarray(people(3000)["sex"].to_pylist()) == "Female"
    rng = np.random.default_rng(0)
    second = np.where(woman & (rng.random(3000) < 0.3), 1 - y_hat, y_hat)
    third = np.where(woman & (rng.random(3000) < 0.1), 1 - y_hat, y_hat)
    ours = tuple(predictions(store, y, each, p) for each in (y_hat, second, third))
    found = audit.multiplicity(ours, snapshot(store, people(3000)), SPEC, store=store)
    counted = {group: share for (group, _), share in by_group(found.shares).items()}
    differs = (second != y_hat) | (third != y_hat)
    assert found.n_models == 3
    assert (counted["Female"].k, counted["Female"].n) == (int(differs[woman].sum()), int(woman.sum()))
    assert counted["Male"].k == 0
    assert counted["(all)"].interval.value == pytest.approx(differs.mean())


def scored(store: Store, seed: int, woman: Any) -> Any:
    """A model that knows the positives among women less well."""
    rng = np.random.default_rng(seed)
    y = (rng.random(len(woman)) < np.where(woman, 0.1, 0.4)).astype(int)
    z = rng.normal(2.0 * y - 1 - 1.2 * (woman & (y == 1)), 1)
    p = 1 / (1 + np.exp(-2 * z))
    return predictions(store, y, (p > 0.5).astype(int), np.column_stack([1 - p, p]))


def test_one_threshold_breaks_its_promise_to_a_group_and_one_per_group_and_label_keeps_it(store: Store) -> None:
    table = people(N_ROWS)
    woman = np.asarray(table["sex"].to_pylist()) == "Female"
    valid, test = scored(store, 1, woman), scored(store, 2, woman)
    found = audit.coverage(valid, test, snapshot(store, table), SPEC, 0.9, store=store)
    marginal, conditional = by_group(found.marginal), by_group(found.conditional)
    everybody = [marginal["(all)", label] for label in ("c0", "c1")]
    assert sum(share.k for share in everybody) / sum(share.n for share in everybody) == pytest.approx(0.9, abs=0.012)
    assert marginal["Female", "c1"].interval.high < 0.8
    for label in ("c0", "c1"):
        for sex in ("Female", "Male"):
            assert conditional[sex, label].interval.value == pytest.approx(0.9, abs=0.045)
    ((feature, one, own),) = found.sizes
    assert feature == "sex"
    assert one < own < 2


def test_too_few_rows_promise_every_class(store: Store) -> None:
    few = pa.table({"sex": ["Female"] * 3 + ["Male"] * 2997})
    woman = np.arange(3000) < 3
    ours = scored(store, 1, woman), scored(store, 2, woman)
    found = audit.coverage(*ours, snapshot(store, few), SPEC, 0.9, store=store)
    assert all(share.k == share.n for share in found.conditional if share.group == "Female")


def test_numbers_have_no_sets_of_classes(store: Store) -> None:
    ours = predictions(store, *numbers(100))
    with pytest.raises(DataError, match="of classification"):
        audit.coverage(ours, ours, snapshot(store, people(100)), SPEC, 0.9, store=store)

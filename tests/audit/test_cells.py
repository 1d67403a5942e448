"""Cells: counted in one pass or in shards, in any order, they are the same; groups are what the spec says."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay import audit
from assay.artifacts import to_json
from assay.errors import DataError
from assay.spec.evidence import AuditSpec
from assay.store import Store
from tests.audit.example import BLOB, binary, numbers, people, predictions, snapshot

N_ROWS = 700
AGES = {"column": "age", "edges": (25, 40, 60)}
SPEC = AuditSpec.model_validate({"sensitive": ["sex", "race", AGES], "crossings": [["sex", "race"]]})


def counted(store: Store, table: pa.Table, spec: Any, n_rows: int | None = None) -> dict[str, dict[str, int]]:
    """Rows per group of each feature."""
    n = n_rows or table.num_rows
    found = audit.audit(
        predictions(store, *binary(n)), snapshot(store, table), AuditSpec.model_validate(spec), store=store
    )
    groups: dict[str, dict[str, int]] = {}
    for row in found.groups:
        groups.setdefault(row.sensitive, {})[row.group] = row.n_rows
    return groups


@pytest.mark.parametrize("task", ["binary", "three classes", "numbers"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, N_ROWS), max_size=4), seed=st.integers(0, 99))
def test_shards_in_any_order_merge_to_identical_findings(store: Store, task: str, cuts: list[int], seed: int) -> None:
    drawn = numbers(N_ROWS) if task == "numbers" else binary(N_ROWS, n_classes=3 if "three" in task else 2)
    ours, people_ = predictions(store, *drawn), snapshot(store, people(N_ROWS))
    whole = audit.count_cells(ours, people_, SPEC, store=store)
    edges = [0, *sorted(cuts), N_ROWS]
    slices = [slice(a, b) for a, b in itertools.pairwise(edges)]
    shards = [audit.count_cells(ours, people_, SPEC, rows, store=store) for rows in slices]
    np.random.default_rng(seed).shuffle(shards)
    merged = audit.merge_cells(shards)
    assert merged.equals(whole, check_metadata=True)
    assert to_json(audit.findings_from_cells(merged, BLOB)) == to_json(audit.findings_from_cells(whole, BLOB))


def test_findings_do_not_depend_on_the_order_of_the_rows(store: Store) -> None:
    y, y_hat, p = binary(N_ROWS)
    order = np.random.default_rng(0).permutation(N_ROWS)
    table = people(N_ROWS)
    first = audit.audit(predictions(store, y, y_hat, p), snapshot(store, table), SPEC, store=store)
    moved = predictions(store, y[order], y_hat[order], p[order])
    assert audit.audit(moved, snapshot(store, table.take(order)), SPEC, store=store) == first


def test_every_finding_follows_from_the_stored_cells_alone(store: Store) -> None:
    found = audit.audit(predictions(store, *binary(N_ROWS)), snapshot(store, people(N_ROWS)), SPEC, store=store)
    assert audit.findings_from_cells(store.table(found.cells), found.cells) == found


def test_groups_are_read_at_the_rows_that_were_predicted(store: Store) -> None:
    table = people(1000)
    rows = np.sort(np.random.default_rng(1).choice(1000, 300, replace=False))
    ours = predictions(store, *binary(300), rows=rows)
    found = audit.audit(ours, snapshot(store, table), AuditSpec(sensitive=("sex",)), store=store)
    expected = pc.value_counts(table["sex"].combine_chunks().cast(pa.string()).take(pa.array(rows))).to_pylist()
    assert {row.group: row.n_rows for row in found.groups} == {one["values"]: one["counts"] for one in expected}


def test_missing_values_are_a_group_and_come_last(store: Store) -> None:
    groups = counted(store, people(N_ROWS), {"sensitive": ["race"]})["race"]
    assert list(groups) == ["a", "b", "c", "rare", "(missing)"]
    assert sum(groups.values()) == N_ROWS


def test_numbers_are_cut_at_edges_and_shown_in_their_order(store: Store) -> None:
    ages = pa.table({"age": pa.array([25.0, 24.9, None, 40.0, float("nan"), 100.0, -3.0])})
    groups = counted(store, ages, {"sensitive": [{"column": "age", "edges": [25, 100]}]})["age"]
    assert groups == {"[-inf, 25)": 2, "[25, 100)": 2, "[100, inf)": 1, "(missing)": 2}
    assert list(groups) == ["[-inf, 25)", "[25, 100)", "[100, inf)", "(missing)"]


def test_a_crossing_has_the_groups_that_occur(store: Store) -> None:
    table = people(N_ROWS)
    groups = counted(store, table, {"sensitive": ["sex", "race"], "crossings": [["sex", "race"]]})["sex × race"]
    frame = table.to_pandas().astype(object).fillna("(missing)")
    expected = frame.groupby(["sex", "race"]).size()
    assert groups == {f"{sex} × {race}": n for (sex, race), n in expected.items()}


def test_flags_and_few_numbers_are_groups_as_they_are(store: Store) -> None:
    table = pa.table({"flag": [True, False, None, True], "code": [1, 2, 1, 1], "when": [0.5, None, float("nan"), 0.5]})
    groups = counted(store, table, {"sensitive": ["flag", "code", "when"]})
    assert groups["flag"] == {"false": 1, "true": 2, "(missing)": 1}
    assert groups["code"] == {"1": 3, "2": 1}
    assert groups["when"] == {"0.5": 2, "(missing)": 2}


def test_chunks_with_dictionaries_of_their_own_are_one_column(store: Store) -> None:
    chunks = [pa.array(["x", "y"]).dictionary_encode(), pa.array(["z", "x"]).dictionary_encode()]
    assert counted(store, pa.table({"g": pa.chunked_array(chunks)}).unify_dictionaries(), {"sensitive": ["g"]}) == {
        "g": {"x": 2, "y": 1, "z": 1}
    }


def test_a_missing_column_is_an_error_that_names_the_nearest(store: Store) -> None:
    with pytest.raises(DataError, match=r"no column 'sexx'.*Allowed: sex, race, age.*Did you mean 'sex'"):
        counted(store, people(20), {"sensitive": ["sexx"]})


def test_a_number_with_many_values_needs_edges_and_a_word_cannot_be_cut(store: Store) -> None:
    with pytest.raises(DataError, match=r"'age' has \d+ different numbers.*edges"):
        counted(store, people(N_ROWS), {"sensitive": ["age"]})
    with pytest.raises(DataError, match="`edges` cut numbers"):
        counted(store, people(20), {"sensitive": [{"column": "sex", "edges": [1]}]})

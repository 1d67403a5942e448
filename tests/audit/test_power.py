"""How many rows a gate needs: the closed form against simulated gates, and against the figures it was tried on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assay.artifacts import PairGap
from assay.audit._power import needed
from assay.gates import _rates
from assay.store import Store
from tests.audit.prepared import checks, people, spec


def gate(**options: object) -> dict[str, object]:
    return {"gate": "max_disparity", "sensitive": "sex"} | options


def test_equal_groups_at_a_rate_of_a_quarter_need_232_rows_each_for_a_tenth() -> None:
    assert needed(0.25, 0.1, "difference", 232) == pytest.approx(232, abs=1)
    assert needed(0.25, 0.1, "difference", 50) == needed(0.25, 0.1, "difference", 100)  # the other is too small itself
    assert needed(0.25, 0.1, "difference") == pytest.approx(116, abs=1)


@pytest.mark.parametrize(("scale", "limit", "rate"), [("difference", 0.1, 0.25), ("ratio", 0.8, 0.3)])
def test_with_that_many_rows_four_in_five_fair_models_pass(scale: str, limit: float, rate: float) -> None:
    distance = limit if scale == "difference" else -math.log(limit)
    n = math.ceil(needed(rate, distance, scale, 1.0))  # type: ignore[arg-type]
    limits = (-limit, limit) if scale == "difference" else (limit, 1 / limit)
    rng, passed = np.random.default_rng(0), 0
    for k_a, k_b in rng.binomial(n, rate, (2000, 2)):
        low, high = sorted((float(k_a), float(k_b)))
        a, b = (high, low) if scale == "difference" else (low, high)
        pair = PairGap(metric="selection_rate", sensitive="", group_a="a", group_b="b", n_a=n, k_a=a, n_b=n, k_b=b)
        passed += _rates.verdict(pair, scale, limits, 1) == "PASS"  # type: ignore[arg-type]
    # The estimate may lie on either side of the true gap, so a fair pair needs both bounds: a little under 80 %.
    assert 0.55 < passed / 2000 < 0.85


def test_what_cannot_be_decided_says_how_many_positives_it_needs(store: Store) -> None:
    few = spec(gates=[gate(metric="true_positive_rate", tolerance=0.05)])
    found = checks(people(n_rows=900), few, store, "power")
    assert set(found) == {"sex: Female", "sex: Male"}
    one = found["sex: Female"]
    assert one.verdict == "INCONCLUSIVE"
    assert "cannot be decided with" in one.reason
    assert "positives; it needs" in one.reason
    assert one.bound is not None
    assert one.value is not None
    assert one.value < one.bound == math.ceil(needed(0.5, 0.05, "difference", 1.0))


def test_what_can_be_decided_passes_and_an_assumed_rate_is_taken(store: Store) -> None:
    wide = spec(gates=[gate(metric="true_positive_rate", tolerance=0.2)])
    assert {check.verdict for check in checks(people(), wide, store, "power").values()} == {"PASS"}
    assumed = spec(
        gates=[gate(metric="true_positive_rate", tolerance=0.05)],
        audit={"sensitive": ["sex"], "data": {"assumed_rate": 0.95}},
    )
    assert {check.verdict for check in checks(people(), assumed, store, "power").values()} == {"PASS"}


def test_other_gates_have_no_preflight(store: Store) -> None:
    ours = spec(gates=[{"gate": "min_metric", "metric": "accuracy", "at_least": 0.5}])
    assert checks(people(n_rows=600), ours, store, "power") == {}

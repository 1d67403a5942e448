"""Reasons, ways out, flips and stability, on models whose answer is known: planted, and fitted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay import explain, inference, preprocessing, training
from assay.artifacts import Calibration, Contributions, Explained, Model, Predictions, Silent, Snapshot
from assay.errors import DataError
from assay.explain import _flags
from assay.spec import Spec
from assay.spec.evidence import AuditSpec, ExplainSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.store import Store
from tests.audit.prepared import spec, until_trained

N = 3000
GROUPS = AuditSpec(sensitive=("sex",))
CONFIG = {"adverse": "no", "codes": {"income": "R07"}, "mutable": {"income": "up"}, "rows": 400}


def planted() -> pa.Table:
    """Who has income is granted; a uniform tells the sex; `noise` says nothing."""
    rng = np.random.default_rng(0)
    woman, income = rng.random(N) < 0.5, rng.normal(50, 10, N)
    return pa.table(
        {
            "sex": np.where(woman, "Female", "Male"),
            "y": np.where(income + rng.normal(0, 2, N) > 50, "yes", "no"),
            "income": income,
            "noise": rng.normal(size=N),
            "uniform": np.where(woman ^ (rng.random(N) < 0.05), "skirt", "trousers"),
            "fold": np.where(np.arange(N) % 3 == 0, "test", "train"),
        }
    )


class Case:
    """A linear model of the planted table, with its predictions of the test rows."""

    def __init__(self, folder: Any, **parts: Any) -> None:
        self.store = Store(folder / "store")
        asked: Spec = spec(target={"column": "y", "positive": "yes"}, **parts)
        self.snapshot, self.folds, prepared = until_trained(planted(), asked, self.store)
        arrays = preprocessing.encode(prepared, self.folds.train, self.folds.valid, store=self.store)
        self.models = [
            training.train(
                arrays, prepared, ModelSpec(family="linear"), TrainingSpec(epochs=20, lr=0.05),
                ComputeSpec(device="cpu", threads=1), seed, store=self.store, events=Silent(),
                folder=folder / str(seed),
            )
            for seed in (0, 1)
        ]  # fmt: skip
        self.predictions = inference.predict(self.models[0], self.folds.test, None, store=self.store)

    def contributions(self, model: Model, rows: int = 400) -> Contributions:
        found = self.predictions, self.snapshot, self.folds.row_hashes, rows
        return explain.contributions(model, Calibration(), *found, store=self.store)

    def study(self, personal: tuple[str, ...] = (), **config: Any) -> Explained:
        ours, config_ = self.contributions(self.models[0]), ExplainSpec.model_validate(CONFIG | config)
        return explain.study(
            self.models[0], Calibration(), ours, self.snapshot, config_, GROUPS, personal, store=self.store
        )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("planted"))


def test_the_planted_column_adds_most_and_its_curve_rises(case: Case) -> None:
    found = case.study()
    assert found.importance[0][0] == "income"
    assert found.n_incomplete == 0
    (_, xs, ys) = next(curve for curve in found.dependence if curve.x_label == "income").series[0]
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)
    assert ys[0] < 0.1 < 0.9 < ys[-1]


def test_only_adverse_decisions_have_reasons_and_these_hold(case: Case) -> None:
    reasons = case.study().reasons
    assert reasons is not None
    table, rows = case.store.table(reasons.table), case.store.table(case.predictions.table)
    refused = set(rows.filter(np.asarray(rows["y_hat"]) == 0)["row"].to_pylist())
    assert set(table["row"].to_pylist()) <= refused
    assert table.num_rows == reasons.n_rows > 100
    assert reasons.named[0].column == "income"
    assert reasons.named[0].code == "R07"
    assert reasons.fidelity.value > 0.9
    assert all(len(each) <= 4 for each in reasons.examples)


def test_a_column_that_tells_a_sensitive_one_is_flagged(case: Case) -> None:
    row_S = np.arange(N)
    found = _flags.flags(["income", "noise", "uniform"], case.snapshot, row_S, GROUPS, 0.75, case.store)
    assert set(found) == {"uniform"}
    assert found["uniform"].startswith("tells sex (0.9")


def test_values_of_personal_columns_are_not_shown(case: Case) -> None:
    found = case.study(personal=("income",))
    assert found.reasons is not None
    assert found.changes is not None
    shown = [one.value for each in found.reasons.examples for one in each if one.column == "income"]
    shown += [text for each in found.changes.examples for one in each for text in (one.value, one.other)]
    assert set(shown) == {"(personal)"}


def test_a_way_out_goes_as_the_spec_allows_and_turns_the_decision(case: Case) -> None:
    up, down = case.study().changes, case.study(mutable={"income": "down"}).changes
    assert up is not None
    assert down is not None
    assert up.found.value == 1
    assert down.found.value == 0
    assert all(float(one.other) > float(one.value) for each in up.examples for one in each)
    assert up.by_column == (("income", up.n_rows),)


def test_levels_have_no_direction(case: Case) -> None:
    with pytest.raises(DataError, match="'uniform' has levels"):
        case.study(mutable={"uniform": "up"})


def test_the_same_model_gives_the_same_first_reasons_and_another_seed_nearly(case: Case) -> None:
    ours, other = (case.contributions(model) for model in case.models)
    same = explain.stability(ours, (ours,), case.snapshot, GROUPS, store=case.store)
    assert {interval.value for *_, interval in same.agreement} == {1.0}
    assert all(interval.low < 1 for *_, interval in same.agreement)
    near = explain.stability(ours, (other,), case.snapshot, GROUPS, store=case.store)
    assert near.agreement[0][3].value > 0.8


def test_nothing_hangs_on_a_column_that_the_model_does_not_see(case: Case) -> None:
    given = case.predictions, case.snapshot, case.folds.row_hashes, GROUPS
    assert explain.flips(case.models[0], Calibration(), *given, store=case.store).seen == ()


def test_a_flip_counts_the_predictions_that_change(tmp_path: Any) -> None:
    case = Case(tmp_path, features={"use_sensitive": ["sex"]})
    given = case.predictions, case.snapshot, case.folds.row_hashes, GROUPS
    found = explain.flips(case.models[0], Calibration(), *given, store=case.store)
    predictor = inference.predictor(case.models[0], store=case.store)
    table = case.store.table(case.snapshot.table).take(case.store.table(case.predictions.table)["row"])
    answers = [
        predictor(table.set_column(table.column_names.index("sex"), "sex", pa.array([sex] * table.num_rows))).y_hat
        for sex in ("Female", "Male")
    ]
    every = next(one for one in found.shares if one.sensitive == "(all)")
    assert (every.k, every.n) == (int((answers[0] != answers[1]).sum()), table.num_rows)


def test_the_sample_does_not_depend_on_the_order_of_rows(case: Case) -> None:
    table = case.store.table(case.predictions.table)
    turned: Predictions = case.predictions.__class__(
        **{name: getattr(case.predictions, name) for name in case.predictions.__slots__ if name != "table"},
        table=case.store.put_table(table.take(np.arange(table.num_rows)[::-1]), "predictions.parquet"),
    )
    given: tuple[Snapshot, Any, int] = case.snapshot, case.folds.row_hashes, 100
    one, other = (
        explain.contributions(case.models[0], Calibration(), each, *given, store=case.store)
        for each in (case.predictions, turned)
    )
    assert one == other

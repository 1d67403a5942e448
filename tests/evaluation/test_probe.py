"""Probes: silent on honest data, loud on planted leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from assay import evaluation
from assay.artifacts import Blob, CategoricalFeature, Encoded, LeakProbe, Preprocessing, TargetInfo, TrainingArrays
from assay.evaluation._probe import canary_correlations
from assay.store import Store

BLOB = Blob(uri="", sha256="", n_bytes=0, name="state.json")
BINARY = TargetInfo(column="y", task="classification", classes=("no", "yes"), positive=1, class_counts=(1, 1))
MANY = TargetInfo(column="y", task="classification", classes=("a", "b", "c"), class_counts=(3, 2, 1))
NUMBER = TargetInfo(column="y", task="regression")


def fold(store: Store, target: TargetInfo, seed: int, leak: float | None, n_rows: int = 2000) -> Encoded:
    """Correlated features, a category, and a target that they explain in part; with `leak`, x0 is the target."""
    rng = np.random.default_rng(seed)
    x_NF = (rng.normal(size=(n_rows, 6)) + rng.normal(size=(n_rows, 1))).astype(np.float32)
    signal_N = x_NF.sum(axis=1) / 6 + rng.normal(size=n_rows)
    cuts = {2: [0.0], 3: [-0.5, 0.5]}.get(len(target.classes), [])
    y_N: Any = np.digitize(signal_N, cuts) if cuts else signal_N.astype(np.float32)
    if leak is not None:
        x_NF[:, 0] = np.abs(y_N - 1) + leak * rng.normal(size=n_rows) if cuts else y_N + leak * rng.normal(size=n_rows)
    codes_NC = rng.integers(0, 5, size=(n_rows, 1)).astype(np.int16)
    return Encoded(
        numeric=store.put_array(x_NF, "numeric.npy"),
        codes=store.put_array(codes_NC, "codes.npy"),
        target=store.put_array(y_N, "target.npy"),
        n_rows=n_rows,
    )


def probes(store: Store, target: TargetInfo, leak: float | None = None, duplicates: Any = ()) -> dict[str, LeakProbe]:
    arrays = TrainingArrays(train=fold(store, target, 0, leak), valid=fold(store, target, 1, leak))
    prepared = Preprocessing(
        state=BLOB,
        arrays=BLOB,
        knots=BLOB,
        inputs=(),
        numeric=tuple(f"x{i}" for i in range(6)),
        categorical=(CategoricalFeature(name="c", n_levels=5, encode="onehot"),),
        target=target,
    )
    report = evaluation.probe(arrays, prepared, duplicates, 0, store=store)
    return {probe.name: probe for probe in report.probes}


@pytest.mark.parametrize("target", [BINARY, MANY, NUMBER], ids=["binary", "three", "number"])
def test_honest_data_raise_no_suspicion(store: Store, target: TargetInfo) -> None:
    found = probes(store, target)
    assert set(found) == {"single feature", "shuffled labels"}
    assert not any(probe.suspicious for probe in found.values())


@pytest.mark.parametrize("target", [BINARY, NUMBER], ids=["binary", "number"])
def test_a_feature_that_is_the_target_is_named(store: Store, target: TargetInfo) -> None:
    found = probes(store, target, leak=0.01)["single feature"]
    assert found.suspicious
    assert "'x0'" in found.detail
    assert "features.exclude" in found.detail


def test_a_leak_that_does_not_rise_with_the_target_is_found_too(store: Store) -> None:
    # |y - 1| of three classes: 1, 0, 1; it tells one class from the others, which no rank of it does.
    found = probes(store, MANY, leak=0.01)["single feature"]
    assert found.value == pytest.approx((1 + 0.75 + 0.75) / 3, abs=0.1)
    assert "'x0'" in found.detail


def test_duplicates_are_counted_against_the_train_rows(store: Store) -> None:
    found = probes(store, BINARY, duplicates=(("train/test", 3), ("train/valid", 100)))
    assert not found["duplicates train/test"].suspicious
    assert found["duplicates train/valid"].suspicious
    assert found["duplicates train/valid"].value == pytest.approx(100 / 2000)
    assert "100 rows of valid" in found["duplicates train/valid"].detail


def test_the_canary_is_a_ridge_and_would_see_labels_that_are_not_shuffled() -> None:
    rng = np.random.default_rng(0)
    x, x_valid = rng.normal(size=(300, 5)), rng.normal(size=(200, 5))
    t, t_valid = x @ np.arange(5) + rng.normal(size=300), x_valid @ np.arange(5)
    found = canary_correlations(x, t[:, None], x_valid, t_valid)
    expected = np.corrcoef(Ridge(alpha=0.3).fit(x, t).predict(x_valid), t_valid)[0, 1]
    assert found[0] == pytest.approx(expected, abs=1e-9)
    assert found[0] > 0.9


def test_the_canary_is_rarely_wrong_about_strongly_correlated_features(store: Store) -> None:
    # Here a single shuffle correlates with valid by up to 0.5, in either direction, by luck alone.
    arrays = TrainingArrays(train=fold(store, BINARY, 0, None), valid=fold(store, BINARY, 1, None))
    prepared = Preprocessing(
        state=BLOB, arrays=BLOB, knots=BLOB, inputs=(), numeric=tuple("abcdef"), categorical=(), target=BINARY
    )
    reports = [evaluation.probe(arrays, prepared, (), seed, store=store) for seed in range(30)]
    assert sum(probe.suspicious for report in reports for probe in report.probes) == 0

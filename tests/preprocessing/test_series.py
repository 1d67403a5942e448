"""Series: standardised by the train rows alone, NaN after the end; gaps and strange shapes are told with their row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.artifacts import to_json
from assay.errors import DataError
from tests.preprocessing.conftest import Fit

SPEC: dict[str, Any] = {"series": {"column": "x"}}


def series(n: int = 10, seed: int = 0) -> list[np.ndarray]:
    """Series of 2 channels and of unequal length, [steps, channels]."""
    draw = np.random.default_rng(seed)
    return [draw.normal(3, 2, (int(draw.integers(1, 9)), 2)).astype(np.float32) for _ in range(n)]


def table(rows: list[Any]) -> dict[str, Any]:
    return {"x": rows, "y": (["no", "yes"] * len(rows))[: len(rows)]}


def channels_first(steps: list[np.ndarray]) -> dict[str, Any]:
    return table([one.T.tolist() for one in steps])


def test_series_come_out_standardised_and_padded(fit: Fit) -> None:
    steps = series()
    fitted = fit(channels_first(steps), SPEC, n_train=7)
    whole = np.concatenate(steps[:7]).astype(np.float64)
    signal = fitted.prepared.signal
    assert signal is not None
    assert signal.shape == (max(map(len, steps[:7])), 2)
    encoded = fitted.encode()
    for blob, own in ((encoded.train.signal, steps[:7]), (encoded.valid.signal, steps[7:])):
        assert blob is not None
        for row, one in zip(fitted.store.array(blob), own, strict=True):
            cut = one[: signal.shape[0]]
            np.testing.assert_allclose(
                row[: len(cut)], (cut - whole.mean(axis=0)) / whole.std(axis=0), rtol=1e-4, atol=1e-6
            )
            assert np.isnan(row[len(cut) :]).all()


def test_both_layouts_and_a_single_channel_are_read_alike(fit: Fit) -> None:
    steps = series()
    first = fit(channels_first(steps), SPEC)
    second = fit(table([one.tolist() for one in steps]), {"series": {"column": "x", "layout": "steps_first"}})
    np.testing.assert_array_equal(*(f.encoder.features(f.store.rows(f.train))[2] for f in (first, second)))
    flat = fit(table([one[:, 0].tolist() for one in steps]), SPEC)
    alone = flat.encoder.features(flat.store.rows(flat.train))[2]
    np.testing.assert_array_equal(alone[..., 0], first.encoder.features(first.store.rows(first.train))[2][..., 0])


def test_series_that_are_cut_are_counted_and_told(fit: Fit) -> None:
    prepared = fit(table([[1.0, 2.0, 3.0], [1.0], [2.0, 3.0]]), {"series": {"column": "x", "length": 2}}).prepared
    assert prepared.notes == ("'x': 1 train rows (33.3%) are longer than 2 steps and cut.",)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "it is missing"),
        ([], "it has no steps"),
        ([[], []], "it has no steps"),
        ([[1.0, float("nan")], [1.0, 2.0]], "1 of its numbers are missing, NaN or infinite"),
        ([[1.0, None], [1.0, float("inf")]], "2 of its numbers"),
        ([[1.0, 2.0], [1.0]], "its lists differ in length"),
        ([[1.0, 2.0]], "it has 1 channels, not 2"),
    ],
)
def test_a_series_that_cannot_be_used_is_named_with_its_row(fit: Fit, bad: Any, message: str) -> None:
    rows = [*(one.T.tolist() for one in series(5)), bad]
    x = pa.array(rows, pa.list_(pa.list_(pa.float32()))) if bad else pa.array([*rows[:5], bad])
    fitted = fit({"x": x, "y": ["no", "yes"] * 3}, SPEC, n_train=5)
    with pytest.raises(DataError, match=rf"column 'x': 1 of 1 series cannot be used. row 6: {message}"):
        fitted.encode()


def test_the_other_layout_is_suggested_where_channels_differ(fit: Fit) -> None:
    with pytest.raises(DataError, match=r"rows have \d to \d channels.*layout: steps_first"):
        fit(table([one.tolist() for one in series()]), SPEC)


@pytest.mark.parametrize("seed", range(3))
def test_other_series_and_the_order_of_rows_leave_no_trace(fit: Fit, seed: int) -> None:
    steps, others = series(), series(4, seed + 1)
    order = np.random.default_rng(seed).permutation(10)
    labels = table(steps)["y"]
    mixed = channels_first([*(steps[i] for i in order), *others]) | {"y": [*(labels[i] for i in order), *["no"] * 4]}
    assert to_json(fit(mixed, SPEC, n_train=10).prepared) == to_json(fit(channels_first(steps), SPEC).prepared)


def test_what_is_learned_does_hang_on_the_train_series(fit: Fit) -> None:
    first, second = (fit(channels_first(series(seed=seed)), SPEC) for seed in (0, 1))
    assert first.prepared.state.sha256 != second.prepared.state.sha256

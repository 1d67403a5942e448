"""Texts: the vocabulary is that of the train rows, counted here by hand; long and empty texts are told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from assay.artifacts import to_json
from assay.errors import DataError
from tests.preprocessing.conftest import Fit, Fitted

TEXTS = ["The cat sat", "the dog sat down", "a cat", "a dog ran", "the the the", "Down, down"]
WORDS: dict[str, Any] = {"text": {"column": "x", "min_count": 1, "length": 4}}
BPE: dict[str, Any] = {"text": {"column": "x", "tokens": "bpe", "vocabulary": 300, "min_count": 1, "length": 12}}


def table(texts: list[Any]) -> dict[str, Any]:
    return {"x": texts, "y": (["no", "yes"] * len(texts))[: len(texts)]}


def tokens(fitted: Fitted, fold: str = "train") -> np.ndarray:
    signal = getattr(fitted.encode(), fold).signal
    assert signal is not None
    return np.asarray(fitted.store.array(signal))


def test_words_are_numbered_by_how_often_train_rows_have_them(fit: Fit) -> None:
    counts = Counter(word for text in TEXTS for word in text.lower().replace(",", " ,").split())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    number = {word: place + 2 for place, word in enumerate(ranked)}
    found = tokens(fit(table(TEXTS), WORDS))
    assert found.dtype == np.int32
    for row, text in zip(found, TEXTS, strict=True):
        words = text.lower().replace(",", " ,").split()[:4]
        assert row.tolist() == [number[word] for word in words] + [0] * (4 - len(words))


def test_rare_words_and_those_of_other_rows_are_unknown(fit: Fit) -> None:
    fitted = fit(table([*TEXTS, "the zebra"]), {"text": {"column": "x", "min_count": 2}}, n_train=6)
    the, zebra = tokens(fitted, "valid")[0][:2]
    assert the > 1
    assert zebra == 1
    assert 1 in tokens(fitted)  # `ran`, seen once
    signal = fitted.prepared.signal
    assert signal is not None
    assert signal.n_tokens == 2 + sum(
        n >= 2 for n in Counter(" ".join(TEXTS).lower().replace(",", " ,").split()).values()
    )


def test_pieces_of_words_know_every_text(fit: Fit) -> None:
    fitted = fit(table([*TEXTS, "Zebra \u00fc \U0001f600"]), BPE, n_train=6)
    found = tokens(fitted, "valid")[0]
    assert 1 not in found
    assert (found > 1).sum() > 3


def test_texts_that_are_cut_are_counted_and_told(fit: Fit) -> None:
    notes = fit(table([*TEXTS, "one two three four five"]), WORDS).prepared.notes
    assert "'x': 1 train rows (14.3%) are longer than 4 tokens and cut." in notes


@pytest.mark.parametrize("empty", ["", "   ", None])
def test_an_empty_text_is_refused_with_its_row_or_taken_as_unknown(fit: Fit, empty: str | None) -> None:
    rows = table([*TEXTS, empty])
    with pytest.raises(DataError, match=r"column 'x': 1 texts are missing or empty, in row 7.*empty: unknown"):
        tokens(fit(rows, WORDS, n_train=6), "valid")
    fitted = fit(rows, {"text": {**WORDS["text"], "empty": "unknown"}}, n_train=6)
    assert tokens(fitted, "valid").tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize("spec", [WORDS, BPE], ids=["words", "bpe"])
@pytest.mark.parametrize("seed", range(3))
def test_other_texts_and_the_order_of_rows_leave_no_trace(fit: Fit, spec: dict[str, Any], seed: int) -> None:
    alone = fit(table(TEXTS), spec)
    order = np.random.default_rng(seed).permutation(6)
    labels = table(TEXTS)["y"]
    mixed = {"x": [*(TEXTS[i] for i in order), "zebra cat", "zebra"], "y": [*(labels[i] for i in order), "no", "no"]}
    assert to_json(fit(mixed, spec, n_train=6).prepared) == to_json(alone.prepared)


def test_what_is_learned_does_hang_on_the_train_texts(fit: Fit) -> None:
    before, after = fit(table(TEXTS), WORDS), fit(table([*TEXTS[:5], "zebra"]), WORDS)
    assert before.prepared.state.sha256 != after.prepared.state.sha256


def test_a_fitted_vocabulary_reads_a_single_text(fit: Fit) -> None:
    fitted = fit(table(TEXTS), WORDS)
    whole = fitted.store.rows(fitted.train)
    alone = np.concatenate([fitted.encoder.features(whole.slice(i, 1))[2] for i in range(6)])
    np.testing.assert_array_equal(alone, tokens(fitted))

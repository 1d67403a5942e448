"""Vocabularies, learned and applied by the `tokenizers` package. B rows, L tokens of a row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from assay.spec.preprocessing import TextSpec

END, UNKNOWN = 0, 1
_SPECIAL = ["[END]", "[UNKNOWN]"]

# Otherwise the package warns of its threads when a process forks; nothing here forks while it runs.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


def learned(spec: TextSpec, texts: Iterable[str]) -> tuple[str, int]:
    """A vocabulary as JSON, and how many tokens it has. Ties are broken by the token: no order of rows matters."""
    options: dict[str, Any] = {
        "vocab_size": spec.vocabulary,
        "min_frequency": spec.min_count,
        "special_tokens": _SPECIAL,
        "show_progress": False,
    }
    trainer: trainers.Trainer
    if spec.tokens == "word":
        tokenizer = Tokenizer(models.WordLevel(vocab={}, unk_token=_SPECIAL[UNKNOWN]))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(**options)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[UNKNOWN]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)
    lowercase = [normalizers.Lowercase()] if spec.lowercase else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *lowercase])
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(), tokenizer.get_vocab_size()


def tokens(vocabulary: str, texts: Sequence[str], length: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The first L tokens of each text, int32 [B, L], END after its last; and how many it has, int64 [B]."""
    tokenizer = _opened(vocabulary)
    found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    tokens_BL = np.full((len(texts), length), END, np.int32)
    for place, one in enumerate(found):
        ids = one.ids[:length]
        tokens_BL[place, : len(ids)] = ids
    return tokens_BL, np.array([len(one.ids) for one in found], np.int64)


_open: dict[str, Tokenizer] = {}


def _opened(vocabulary: str) -> Tokenizer:
    """The tokenizer, opened once for all calls with the same vocabulary; the last one is kept."""
    if vocabulary not in _open:
        _open.clear()
        _open[vocabulary] = Tokenizer.from_str(vocabulary)
    return _open[vocabulary]

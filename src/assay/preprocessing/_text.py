"""Texts: a vocabulary that the training rows make, and texts as numbers of its tokens. B rows, L tokens of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from assay.artifacts import Signal
from assay.errors import DataError
from assay.spec.preprocessing import TextSpec

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """`vocabulary` is the tokenizer as JSON. Token 0 is the end of a text, `unknown` what the vocabulary does not have.

    The tokens of the `frame`, where there is one, stand before and after every text.
    """

    dtype: ClassVar[DTypeLike] = np.int32

    column: str
    vocabulary: str
    n_tokens: int
    length: int
    empty: Literal["error", "unknown"]
    unknown: int = 1
    frame: tuple[int, int] | None = None

    @property
    def room(self) -> int:
        """How many tokens of a text are read."""
        return self.length if self.frame is None else self.length - len(self.frame)

    @property
    def signal(self) -> Signal:
        """What networks are told."""
        return Signal(kind="text", column=self.column, shape=(self.length,), n_tokens=self.n_tokens)

    def read(self, array: pa.Array, rows_B: Rows) -> NDArray[Any]:
        """Tokens, int32 [B, L]. Raises DataError that names the rows without a text, unless the spec takes them."""
        from assay.preprocessing import _vocabulary

        tokens_BL, lengths_B = _vocabulary.tokens(self.vocabulary, texts(array), self.length, self.frame)
        if self.empty == "error":
            refuse_empty(self.column, rows_B[lengths_B == 0])
        tokens_BL[tokens_BL[:, 0] == _vocabulary.END, 0] = self.unknown
        return tokens_BL


def fit(spec: TextSpec, read: Callable[[], Iterator[pa.Array]], rows_N: Rows) -> tuple[Text, tuple[str, ...]]:
    """The vocabulary of the training rows, and how many of them are longer than the spec takes."""
    from assay.preprocessing import _vocabulary

    text = _read_by(spec, (text for array in read() for text in texts(array)))
    n_cut = n_unknown = n_all = n_rows = 0
    for array in read():
        tokens_BL, lengths_B = _vocabulary.tokens(text.vocabulary, texts(array), text.length, text.frame)
        n_cut, n_rows = n_cut + int((lengths_B > text.room).sum()), n_rows + len(array)
        n_unknown += int((tokens_BL == text.unknown).sum())
        n_all += int((tokens_BL != _vocabulary.END).sum())
    notes = [
        f"{spec.column!r}: {text.n_tokens:,} tokens in the vocabulary; {n_unknown / max(n_all, 1):.1%} are unknown."
    ]
    if n_cut:
        share = n_cut / n_rows
        notes.append(
            f"{spec.column!r}: {n_cut:,} train rows ({share:.1%}) are longer than {spec.length} tokens and cut."
        )
    return text, tuple(notes)


def _read_by(spec: TextSpec, every: Iterator[str]) -> Text:
    """How texts are read, with the vocabulary that `every` text of the training rows makes, or a known one."""
    from assay.preprocessing import _vocabulary

    if spec.tokens == "minilm":
        vocabulary, n_tokens, frame, unknown = _vocabulary.known()
        return Text(
            column=spec.column, vocabulary=vocabulary, n_tokens=n_tokens, length=max(spec.length, 3),
            empty=spec.empty, unknown=unknown, frame=frame,
        )  # fmt: skip
    vocabulary, n_tokens = _vocabulary.learned(spec, every)
    return Text(column=spec.column, vocabulary=vocabulary, n_tokens=n_tokens, length=spec.length, empty=spec.empty)


def texts(array: pa.Array) -> list[str]:
    """The texts of a column; a missing one is empty."""
    return [text or "" for text in array.to_pylist()]


def refuse_empty(column: str, rows: Rows) -> None:
    """Raise DataError when there are rows without a text."""
    if len(rows):
        shown = ", ".join(f"{int(row) + 1:,}" for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
        raise DataError(
            f"column {column!r}: {len(rows)} texts are missing or empty, in row {shown}. Allowed: a text with at least "
            "one token. `preprocessing: {text: {empty: unknown}}` takes them as one unknown token."
        )

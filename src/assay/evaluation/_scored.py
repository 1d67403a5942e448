"""Predictions as arrays. Shapes: N rows, K classes; `w_RN` are R rows of weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.artifacts import Predictions
from assay.store import Store

Array = npt.NDArray[Any]
SMALLEST_P = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Ranking:
    """Rows in the order of falling scores for one class. `positive_P` are the places of its rows in that order.

    `first_P` and `last_P` are the first and last place of the ties of each of them; `first_hit_P` and `last_hit_P` the
    same, counted among the rows of the class alone.
    """

    order_N: Array | None  # None where the rows already lie in this order
    positive_P: Array
    first_P: Array
    last_P: Array
    first_hit_P: Array
    last_hit_P: Array


@dataclass(frozen=True)
class Scored:
    """True and predicted values of N rows; of classification also the probabilities and the positive class."""

    y_N: Array
    y_hat_N: Array
    p_NK: Array | None = None
    positive: int | None = None

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.y_N)

    @property
    def n_classes(self) -> int:
        """How many classes there are, 0 in regression."""
        return 0 if self.p_NK is None else self.p_NK.shape[1]

    @cached_property
    def ranked_classes(self) -> tuple[int, ...]:
        """The classes whose scores can be ranked: the positive one, or all; each has rows inside and outside."""
        classes = range(self.n_classes) if self.positive is None else (self.positive,)
        n_K = np.bincount(self.y_N, minlength=self.n_classes)
        return tuple(k for k in classes if 0 < n_K[k] < self.n_rows)

    def p_of(self, k: int) -> Array:
        """The probabilities of class `k`."""
        assert self.p_NK is not None, "only classification has probabilities"
        p_N: Array = self.p_NK[:, k]
        return p_N

    @cached_property
    def log_loss_N(self) -> Array:
        """The log loss of each row, of probabilities no nearer to 0 and 1 than float32 can say."""
        assert self.p_NK is not None, "only classification has probabilities"
        p_N = self.p_NK[np.arange(self.n_rows), self.y_N].astype(float)
        return np.asarray(-np.log(np.clip(p_N, SMALLEST_P, 1 - SMALLEST_P)))

    @cached_property
    def brier_N(self) -> Array:
        """The squared distance of each row's probabilities from the truth; of the positive class in binary tasks."""
        if self.positive is not None:
            return np.asarray((self.p_of(self.positive) - (self.y_N == self.positive).astype(float)) ** 2)
        return sum(((self.p_of(k) - (self.y_N == k).astype(float)) ** 2 for k in range(self.n_classes)), np.zeros(1))

    @cached_property
    def rankings(self) -> dict[int, Ranking]:
        """One ranking per class of `ranked_classes`."""
        return {k: self._ranking(k) for k in self.ranked_classes}

    def take(self, rows: Array) -> Scored:
        """These rows, in this order."""
        p_NK = None if self.p_NK is None else self.p_NK[rows]
        return Scored(self.y_N[rows], self.y_hat_N[rows], p_NK, self.positive)

    def _ranking(self, k: int) -> Ranking:
        p_N = self.p_of(k)
        order_N = np.argsort(-p_N, kind="stable")
        falling_N = p_N[order_N]
        starts = np.flatnonzero(np.r_[True, falling_N[1:] != falling_N[:-1]])
        ends = np.r_[starts[1:], len(p_N)] - 1
        tie_N = np.repeat(np.arange(len(starts)), ends - starts + 1)
        positive_P = np.flatnonzero(self.y_N[order_N] == k)
        first_P, last_P = starts[tie_N[positive_P]], ends[tie_N[positive_P]]
        return Ranking(
            order_N=None if np.all(order_N[1:] > order_N[:-1]) else order_N,
            positive_P=positive_P,
            first_P=first_P,
            last_P=last_P,
            first_hit_P=np.searchsorted(positive_P, first_P),
            last_hit_P=np.searchsorted(positive_P, last_P, side="right") - 1,
        )


def read(predictions: Predictions, store: Store) -> tuple[Scored, Array]:
    """The predictions and their row ids, as they are stored."""
    table = store.table(predictions.table)
    n_classes = predictions.target.n_outputs if predictions.target.task == "classification" else 0
    p_NK = np.column_stack([table[f"p_{k}"].to_numpy() for k in range(n_classes)]) if n_classes else None
    y_N, y_hat_N = table["y"].to_numpy(), table["y_hat"].to_numpy()
    return Scored(y_N, y_hat_N, p_NK, predictions.target.positive), table["row"].to_numpy()


def by_content(*scored: Scored) -> tuple[tuple[Scored, ...], int]:
    """The same rows in the order of their content, and a seed that is the digest of it.

    Several predictions of the same rows are ordered together. The first one's positive scores fall, as its ranking
    wants them. What follows from this order and seed cannot depend on the order in which rows were stored.
    """
    keys: list[Array] = []
    for one in reversed(scored):
        keys += [one.y_N, one.y_hat_N]
        if one.p_NK is not None:
            keys += [-one.p_NK[:, k] for k in range(one.n_classes) if k != one.positive]
            keys += [-one.p_of(one.positive)] if one.positive is not None else []
    order_N = np.lexsort(keys)
    digest = hashlib.sha256()
    for key in keys:
        digest.update(key[order_N].tobytes())
    return tuple(one.take(order_N) for one in scored), int.from_bytes(digest.digest()[:8], "big")

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.training._batches import bucketed, order, seed_of, share


@given(st.integers(0, 500), st.integers(1, 9))
def test_shares_cover_all_rows_once_and_differ_by_one_at_most(n_rows: int, world_size: int) -> None:
    rows = list(range(n_rows))
    shares = [rows[share(n_rows, rank, world_size)] for rank in range(world_size)]
    assert [row for part in shares for row in part] == rows
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_an_epoch_visits_every_row_once_in_an_order_of_its_own() -> None:
    first, again, second, other = order(1000, 0, 1), order(1000, 0, 1), order(1000, 0, 2), order(1000, 1, 1)
    assert torch.equal(first, again)
    assert torch.equal(first.sort().values, torch.arange(1000))
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_seeds_differ_with_every_part_and_its_place() -> None:
    seeds = {seed_of(*parts) for parts in ((1, 23), (12, 3), (1, 2, 3), (3, 2, 1), (0, 1, 2), (1, 2))}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_buckets_hold_every_row_once_and_rows_of_similar_length_together() -> None:
    n_rows, batch_size = 2_003, 16
    lengths_N = torch.from_numpy(np.random.default_rng(0).integers(1, 200, n_rows))
    index_N = order(n_rows, 0, 1)
    found_N = bucketed(index_N, lengths_N, batch_size, 0, 1)
    assert sorted(found_N.tolist()) == list(range(n_rows))
    assert found_N.tolist() == bucketed(index_N, lengths_N, batch_size, 0, 1).tolist()
    assert found_N.tolist() != bucketed(order(n_rows, 0, 2), lengths_N, batch_size, 0, 2).tolist()
    longest = [int(lengths_N[batch].max()) for batch in found_N.split(batch_size)]
    assert sum(longest) * batch_size < 1.15 * int(lengths_N.sum())
    assert sum(int(lengths_N[batch].max()) for batch in index_N.split(batch_size)) * batch_size > 1.6 * lengths_N.sum()
    firsts = longest[: len(longest) // 2], longest[len(longest) // 2 :]
    assert abs(np.mean(firsts[0]) - np.mean(firsts[1])) < 30  # short and long batches come in any order

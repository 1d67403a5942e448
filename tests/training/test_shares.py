"""What several ranks would compute, added up in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assay.spec.training import ComputeSpec, TrainingSpec
from assay.training._job import Job
from assay.training._loop import Run
from assay.training._place import Place
from tests.training.example import Encoded


def run(encoded: Encoded, folder: Path, rank: int, world_size: int) -> Run:
    job = Job(
        arrays=encoded.arrays,
        prepared=encoded.prepared,
        family="linear",
        options={},
        training=TrainingSpec(class_weights="balanced", label_smoothing=0.1),
        compute=ComputeSpec(),
        seed=0,
        store=encoded.store,
        folder=folder,
        root=None,
    )
    return Run(job, Place(rank, world_size, torch.device("cpu")))


@pytest.mark.parametrize("world_size", [2, 3, 5])
@pytest.mark.parametrize("n_rows", [1, 2, 4, 100])
def test_gradients_of_shares_add_up_to_that_of_the_batch_however_uneven(
    adult_income: Encoded, tmp_path: Path, n_rows: int, world_size: int
) -> None:
    index_B = torch.arange(n_rows) * 7
    whole = run(adult_income, tmp_path, 0, 1)
    torch.autograd.backward(whole.descent.share_loss(whole.network.module, index_B))
    gradients = [torch.zeros_like(value) for value in whole.network.module.parameters()]
    for rank in range(world_size):
        one = run(adult_income, tmp_path, rank, world_size)
        torch.autograd.backward(one.descent.share_loss(one.network.module, index_B))
        for total, value in zip(gradients, one.network.module.parameters(), strict=True):
            assert value.grad is not None
            total += value.grad
    for total, value in zip(gradients, whole.network.module.parameters(), strict=True):
        torch.testing.assert_close(total, value.grad, rtol=1e-4, atol=1e-5)

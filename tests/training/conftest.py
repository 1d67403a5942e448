from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from assay.store import Store
from tests.training.example import Encoded, encode


@pytest.fixture(scope="session")
def adult_income(small_adult: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    return encode(Store(tmp_path_factory.mktemp("income")), small_adult, "income", "classification")


@pytest.fixture(scope="session")
def adult_age(small_adult: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    return encode(Store(tmp_path_factory.mktemp("age")), small_adult, "age", "regression")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)

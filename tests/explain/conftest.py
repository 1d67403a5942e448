from __future__ import annotations

import pyarrow as pa
import pytest

from tests.inference.example import Trained, train


@pytest.fixture(scope="session")
def income(small_adult: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    families = ("constant", "linear", "mlp", "tabm", "ft_transformer")
    return train(tmp_path_factory.mktemp("income"), small_adult, "income", "classification", families)


@pytest.fixture(scope="session")
def age(small_adult: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("age"), small_adult, "age", "regression", ("mlp",))

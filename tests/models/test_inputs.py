from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from assay import models
from assay.models import Inputs
from assay.models._inputs import FEW_LEVELS, InputLinear, Rows
from assay.models._numeric import NumericConfig

PLAIN = NumericConfig(numeric_embedding="none")


def onehot(codes: Tensor, levels: tuple[int, ...]) -> Tensor:
    return torch.cat([functional.one_hot(codes[:, i].long(), n) for i, n in enumerate(levels)], dim=1).float()


@pytest.mark.parametrize("levels", [(4, 9, 2), (4, 9, FEW_LEVELS)], ids=["few", "many"])
def test_levels_count_as_one_hot_times_weights(levels: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    told = Inputs(n_numeric=3, levels=levels, encode=("onehot",) * 3)
    rows = Rows(PLAIN, told)
    layer = InputLinear(rows.n_dense, rows.n_levels, 5)
    numeric, codes = torch.randn(20, 3), torch.stack([torch.randint(n, (20,)) for n in levels], dim=1)
    assert layer.dense_WD is not None
    assert layer.levels_LW is not None
    expected = numeric @ layer.dense_WD.T + onehot(codes, levels) @ layer.levels_LW + layer.bias_W
    torch.testing.assert_close(layer(*rows(numeric, codes)), expected)


def test_its_first_weights_spread_as_those_of_one_torch_layer_on_the_dense_row() -> None:
    torch.manual_seed(0)
    ours, theirs = InputLinear(60, 40, 500), torch.nn.Linear(100, 500)
    assert ours.dense_WD is not None
    assert ours.levels_LW is not None
    for weights in (ours.dense_WD, ours.levels_LW):
        torch.testing.assert_close(weights.std(), theirs.weight.std(), rtol=0.02, atol=0)
        assert weights.abs().max() <= 0.1


def test_a_feature_with_an_embedding_is_looked_up_in_its_own_table() -> None:
    told = Inputs(n_numeric=1, levels=(4, 6), encode=("onehot", "embedding"))
    rows = Rows(PLAIN, told)
    numeric, codes = torch.randn(5, 1), torch.tensor([[0, 5], [1, 4], [2, 3], [3, 2], [3, 1]])
    dense, hot = rows(numeric, codes)
    table = next(rows.learned.parameters())
    torch.testing.assert_close(dense, torch.cat([numeric, table[codes[:, 1]]], dim=1))
    assert hot.tolist() == [[0], [1], [2], [3], [3]]


def test_codes_of_any_integer_type_give_the_same_scores() -> None:
    told = Inputs(n_numeric=2, levels=(4, 6), encode=("onehot", "embedding"))
    for family in ("linear", "mlp", "resnet", "ft_transformer", "tabm"):
        model = models.build(family, {"numeric_embedding": "linear"}, told, 2).eval()
        numeric, codes = torch.randn(5, 2), torch.tensor([[0, 5], [1, 4], [2, 3], [3, 2], [3, 1]])
        results = [model(numeric, codes.to(kind)) for kind in (torch.int16, torch.int32, torch.int64)]
        assert torch.equal(results[0], results[1])
        assert torch.equal(results[0], results[2])


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes how many elements the largest tensor has that any operation returns."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n_elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple) else (out,):
            if isinstance(value, Tensor):
                self.n_elements = max(self.n_elements, value.numel())
        return out


def test_no_one_hot_array_exists_not_even_of_one_batch() -> None:
    n_rows, n_levels = 512, 20_000
    told = Inputs(n_numeric=1, levels=(n_levels,), encode=("onehot",))
    for family in ("linear", "mlp", "resnet", "tabm"):
        options = {"numeric_embedding": "none"} | ({} if family == "linear" else {"width": 8})
        options |= {"k": 2} if family == "tabm" else {}
        model = models.build(family, options, told, 2)
        with LargestTensor() as largest:
            model(torch.randn(n_rows, 1), torch.randint(n_levels, (n_rows, 1))).sum().backward()
        assert largest.n_elements <= n_levels * 8 < n_rows * n_levels, family

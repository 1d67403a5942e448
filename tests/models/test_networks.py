from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay import models
from assay.models import Inputs, ft_transformer, tabm
from assay.models._layers import Dropout

LEVELS = (4, 6)
TOLD = Inputs(
    n_numeric=3,
    levels=LEVELS,
    encode=("onehot", "onehot"),
    knots=np.tile(np.linspace(-2, 2, 9, dtype=np.float32), (3, 1)),
)


@pytest.fixture
def rows() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(16, 3), torch.stack([torch.randint(n, (16,)) for n in LEVELS], dim=1)


def build(family: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return models.build(family, options, TOLD, 2)


# ------------------------------------------------------------------------------------------------------- tabm


def test_tabm_with_one_member_is_a_perceptron(rows: tuple[Tensor, Tensor]) -> None:
    one = build("tabm", k=1, width=8, depth=3, variant="tabm-mini", dropout=0.0)
    mlp = build("mlp", width=8, depth=3, dropout=0.0)
    given = mlp.state_dict()
    hidden = [value for name, value in given.items() if name.startswith("hidden")]
    one.load_state_dict(
        {
            **{name: value for name, value in given.items() if name.startswith(("rows", "input"))},
            **dict(zip((name for name in one.state_dict() if name.startswith("hidden")), hidden, strict=True)),
            "input.dense_r_KD": torch.ones(1, one.rows.n_dense),
            "input.levels_r_LK": torch.ones(sum(LEVELS), 1),
            "output_KWO": given["output.weight"].T[None],
            "output_bias_KO": given["output.bias"][None],
        }
    )
    torch.testing.assert_close(one(*rows)[:, 0], mlp(*rows))


def members_one_by_one(model: Any, numeric: Tensor, codes: Tensor, config: tabm.Config) -> list[Tensor]:
    """Each member written out as a plain perceptron: its own r and s multiplied into a copy of the shared weights."""
    hot = torch.cat([functional.one_hot(codes[:, i], n) for i, n in enumerate(LEVELS)], dim=1).float()
    given = torch.cat([numeric, hot], dim=1)
    first = torch.cat([model.input.dense_WD, model.input.levels_LW.T], dim=1)
    outs = []
    for k in range(config.k):
        r = torch.cat([model.input.dense_r_KD[k], model.input.levels_r_LK[:, k]])
        hidden = given @ (first * r).T + model.input.bias_W
        for layer in model.hidden:
            if isinstance(layer, tabm.MemberLinear):
                own = layer.scale.s_KW[k][:, None] * layer.weight_WV * layer.r_KV[k]
                hidden = hidden @ own.T + layer.scale.bias_KW[k]
            elif isinstance(layer, tabm.MemberScale):
                hidden = hidden * layer.s_KW[k] + layer.bias_KW[k]
            else:
                hidden = layer(hidden)
        outs.append(hidden @ model.output_KWO[k] + model.output_bias_KO[k])
    return outs


@pytest.mark.parametrize("variant", ["tabm", "tabm-mini"])
def test_each_member_is_a_perceptron_with_scaled_weights(rows: tuple[Tensor, Tensor], variant: Any) -> None:
    options = {"k": 5, "width": 8, "depth": 3, "variant": variant, "numeric_embedding": "none", "dropout": 0.0}
    model = build("tabm", **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
        expected = torch.stack(members_one_by_one(model, *rows, tabm.Config(**options)), dim=1)
    torch.testing.assert_close(model(*rows), expected, rtol=1e-4, atol=1e-3)


def test_members_differ_from_the_start_by_one_draw_per_feature() -> None:
    plain = build("tabm", k=8, numeric_embedding="none").input
    assert set(plain.dense_r_KD.unique().tolist()) == {-1.0, 1.0}
    embedded = build("tabm", k=8, numeric_embedding="linear", embedding_size=4).input
    assert (embedded.dense_r_KD.unflatten(1, (3, 4)).std(dim=2) == 0).all()
    assert len(embedded.dense_r_KD.unique()) == 8 * 3
    assert (embedded.levels_r_LK[:4].std(dim=0) == 0).all()


# ------------------------------------------------------------------------------------------------- transformer


def test_attention_equals_torchs_multi_head_attention() -> None:
    torch.manual_seed(0)
    config = ft_transformer.Config(width=12, n_heads=3, attention_dropout=0.0)
    ours, theirs = ft_transformer.Attention(config), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(4, 6, 12)
    torch.testing.assert_close(ours(x, 6), theirs(x, x, x)[0])
    torch.testing.assert_close(ours(x, 1), theirs(x[:, :1], x, x)[0])


def test_the_last_block_may_compute_the_first_token_alone(rows: tuple[Tensor, Tensor]) -> None:
    model = build("ft_transformer").eval()
    x = model.tokens(*rows)
    for block in model.blocks:
        x = block(x, x.shape[1])
    torch.testing.assert_close(model(*rows), model.output(x[:, 0]))


def test_a_token_is_a_line_of_its_number_or_the_row_of_its_level(rows: tuple[Tensor, Tensor]) -> None:
    numeric, codes = rows
    tokens = build("ft_transformer", numeric_embedding="linear").tokens
    out = tokens(numeric, codes)
    assert out.shape == (16, 1 + 3 + 2, tokens.answer_W.numel())
    torch.testing.assert_close(out[:, 2], numeric[:, 1:2] * tokens.numeric.weight_FD[1] + tokens.numeric.bias_FD[1])
    torch.testing.assert_close(out[:, 5], tokens.levels_LW[LEVELS[0] + codes[:, 1]] + tokens.bias_CW[1])


# ---------------------------------------------------------------------------------------- resnet, layers, counts


def test_a_residual_block_with_no_change_passes_its_input_on(rows: tuple[Tensor, Tensor]) -> None:
    model = build("resnet", depth=2, dropout=0.0).eval()
    before = model.output(model.input(*model.rows(*rows)))
    with torch.no_grad():
        for block in model.blocks:
            block.change[4].weight.zero_()
            block.change[4].bias.zero_()
    torch.testing.assert_close(model(*rows), before)


@pytest.mark.parametrize("shape", [(1000, 257), (3, 7, 5), (0, 4)])
def test_dropout_zeroes_its_share_and_keeps_the_mean(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer, x = Dropout(0.3), torch.ones(shape, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out), "what was dropped gets no gradient, the rest the same scale"
    kept = out[out != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.7))
    if out.numel() > 10_000:
        share = (out == 0).float()
        assert share.mean().item() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / out.numel()) ** 0.5)
        assert np.corrcoef(share[:, :-1].flatten(), share[:, 1:].flatten())[0, 1] == pytest.approx(0, abs=0.01)
    assert layer.eval()(x) is x


def test_parameters_are_counted_as_documented() -> None:
    n_dense, n_levels, width, depth, k = 3, sum(LEVELS), 8, 3, 5

    def count(family: str, **options: Any) -> int:
        return sum(parameter.numel() for parameter in build(family, numeric_embedding="none", **options).parameters())

    perceptron = width * (n_dense + n_levels + 1) + (depth - 1) * width * (width + 1)
    mini = perceptron + k * (n_dense + n_levels) + k * 2 * (width + 1)
    size = {"width": width, "depth": depth}
    assert count("linear") == (n_dense + n_levels + 1) * 2
    assert count("mlp", **size) == perceptron + 2 * (width + 1)
    assert count("tabm", variant="tabm-mini", k=k, **size) == mini
    full = mini - (depth - 1) * width + k * width * (2 + 3 * (depth - 1))
    assert count("tabm", variant="tabm", k=k, **size) == full


# ---------------------------------------------------------------------------------------------------- ensemble


def test_the_scores_of_an_ensemble_are_the_log_of_its_mean_probability() -> None:
    out = torch.randn(6, 4, 3)
    expected = out.softmax(dim=-1).mean(dim=1)
    torch.testing.assert_close(models.scores(out).exp(), expected)
    torch.testing.assert_close(models.scores(out[:, :1]), out[:, 0].log_softmax(-1))


def test_the_scores_of_a_regression_ensemble_are_its_mean() -> None:
    out = torch.randn(6, 4, 1)
    torch.testing.assert_close(models.scores(out), out.mean(dim=1))


def test_scores_of_one_network_are_its_outputs() -> None:
    out = torch.randn(6, 3)
    assert torch.equal(models.scores(out), out)


def test_members_are_trained_on_the_mean_of_their_own_losses() -> None:
    out, target = torch.randn(6, 4, 3), torch.randint(3, (6,))
    loss = functional.cross_entropy(*models.members(out, target))
    expected = sum(functional.cross_entropy(out[:, k], target) for k in range(4)) / 4
    torch.testing.assert_close(loss, torch.as_tensor(expected))
    assert models.members(out[:, 0], target)[1] is target

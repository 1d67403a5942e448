"""Each method against its definition, computed another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fairlearn.metrics import demographic_parity_difference, equal_opportunity_difference
from sklearn.metrics import accuracy_score

from assay.mitigation import group_dro, odds_penalty, parity_penalty, reweigh, thresholds
from tests.contracts.test_mitigations import batch


def rows(n: int = 400) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    group_B = (torch.rand(n) < 0.3).long()
    target_B = (torch.rand(n) < 0.2 + 0.3 * group_B).long()
    return torch.rand(n), group_B, target_B


def test_weights_make_group_and_class_independent() -> None:
    n_GO = torch.tensor([[60.0, 10.0], [15.0, 15.0]])
    weight_GO = reweigh.prepare(reweigh.Config(), n_GO)["weight_GO"]
    weighted_GO = weight_GO * n_GO
    assert weighted_GO.sum() == pytest.approx(100.0)
    assert weighted_GO[:, 1] / weighted_GO.sum(dim=1) == pytest.approx(torch.tensor([0.25, 0.25]))


def test_with_two_groups_the_penalty_is_their_squared_gap() -> None:
    p_B, group_B, target_B = rows()
    config = parity_penalty.Config(weight=7)
    found = parity_penalty.objective(config, batch(p_B, group_B, target_B), {})
    gap = p_B[group_B == 1].mean() - p_B[group_B == 0].mean()
    loss = -torch.where(target_B == 1, p_B, 1 - p_B).log().mean()
    assert float(found) == pytest.approx(float(loss + 7 * gap**2), rel=1e-5)


def test_the_penalty_on_odds_is_the_squared_gap_within_each_class() -> None:
    p_B, group_B, target_B = rows()
    found = odds_penalty.objective(odds_penalty.Config(weight=3), batch(p_B, group_B, target_B), {})
    gaps = [p_B[(group_B == 1) & (target_B == y)].mean() - p_B[(group_B == 0) & (target_B == y)].mean() for y in (0, 1)]
    loss = -torch.where(target_B == 1, p_B, 1 - p_B).log().mean()
    assert float(found) == pytest.approx(float(loss + 3 * sum(gap**2 for gap in gaps)), rel=1e-5)


def test_the_group_with_the_greatest_loss_gains_weight_as_in_the_paper() -> None:
    p_B, group_B, target_B = rows()
    config = group_dro.Config(step_size=0.5)
    state = group_dro.prepare(config, torch.ones(2, 2))
    found = group_dro.objective(config, batch(p_B, group_B, target_B), state)
    loss_B = -torch.where(target_B == 1, p_B, 1 - p_B).log()
    losses = np.array([[loss_B[(group_B == g) & (target_B == y)].mean() for y in (0, 1)] for g in (0, 1)])
    weights = 0.25 * np.exp(0.5 * losses)
    weights /= weights.sum()
    assert state["weight_GO"].numpy() == pytest.approx(weights, rel=1e-5)
    assert float(found) == pytest.approx((weights * losses).sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("equal", "gap"),
    [("selection_rate", demographic_parity_difference), ("true_positive_rate", equal_opportunity_difference)],
)
def test_thresholds_make_the_rate_equal_at_a_small_price(equal: str, gap: object) -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 20_000)
    p = np.clip(rng.beta(2, 4, 20_000) + 0.15 * group, 0.001, 0.999)
    y = rng.random(20_000) < p
    chosen = thresholds.choose(thresholds.Config(equal=equal), p, y, group, 2)  # type: ignore[arg-type]
    y_hat = p >= np.array(chosen)[group]
    assert gap(y, y_hat, sensitive_features=group) < 0.002  # type: ignore[operator]
    assert gap(y, p >= 0.5, sensitive_features=group) > 0.15  # type: ignore[operator]
    assert accuracy_score(y, y_hat) > accuracy_score(y, p >= 0.5) - 0.03
    assert accuracy_score(y, y_hat) > accuracy_score(y, np.zeros(20_000))


def test_a_share_of_none_and_of_all_can_be_had() -> None:
    p = np.array([0.2, 0.4, 0.4, 0.9])
    cuts = thresholds.cuts(p, np.array([0.0, 0.25, 1.0]))
    assert [(p >= cut).sum() for cut in cuts] == [0, 1, 4]

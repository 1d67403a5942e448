from __future__ import annotations

import numpy as np
import pytest

from assay.artifacts import Trial
from assay.spec import plugins
from assay.tuning._asking import Go
from assay.tuning.schedulers import hyperband
from assay.tuning.schedulers._halving import rungs
from tests.tuning.example import asking, play, space


def curves(n: int, n_epochs: int) -> list[list[float]]:
    """Rising curves; trial i ends at i, and at each epoch the order is the same."""
    return [[i * epoch / n_epochs for epoch in range(1, n_epochs + 1)] for i in range(n)]


@pytest.mark.parametrize(
    ("lowest", "eta", "n_epochs", "expected"),
    [(1, 3, 9, (1, 3, 9)), (1, 3, 20, (1, 3, 9, 20)), (2, 2, 5, (2, 4, 5)), (5, 3, 4, (4,))],
)
def test_rungs_grow_by_eta(lowest: int, eta: int, n_epochs: int, expected: tuple[int, ...]) -> None:
    assert rungs(lowest, eta, n_epochs) == expected


def test_asha_gives_the_best_third_of_each_rung_the_next_when_they_come_in_from_the_best() -> None:
    asha = plugins.load("scheduler", "asha")
    trials = play(asha, asha.Config(), curves(27, 9)[::-1], 9)
    assert [trial.epoch for trial in trials] == [9] * 3 + [3] * 6 + [1] * 18
    assert sum(trial.epoch for trial in trials) == 3 * 9 + 6 * 3 + 18


def test_asha_never_loses_the_best() -> None:
    asha, random = plugins.load("scheduler", "asha"), np.random.default_rng(0)
    for _ in range(20):
        of = [curves(27, 9)[i] for i in random.permutation(27)]
        trials = play(asha, asha.Config(), of, 9)
        best = max(range(27), key=lambda i: of[i][-1])
        assert trials[best].state == "done"
        assert sum(trial.epoch for trial in trials) < 27 * 9 / 2


def test_hyperband_is_one_halving_per_bracket() -> None:
    config = hyperband.Config(eta=3)
    sizes = np.bincount([hyperband.bracket(i, 3, 3) for i in range(9 + 5 + 3)])
    assert list(sizes) == [9, 5, 3]  # Li et al. 2018, for R = 9
    assert [hyperband.first(config, asking({}, number=i)) for i in (0, 9, 14)] == [1, 3, 9]
    trials = play(hyperband, config, curves(17, 9)[::-1], 9)
    assert [trial.epoch for trial in trials] == [9, 3, 3] + [1] * 6 + [9, 3, 3, 3, 3] + [9] * 3


def test_the_median_rule_ends_the_worse_half_and_no_other() -> None:
    median = plugins.load("scheduler", "median")
    trials = play(median, median.Config(at_least=4), curves(12, 6)[::-1], 6)
    # Those after the first come in from better to worse: each is below the median of those before it.
    assert [trial.state for trial in trials] == ["done"] * 4 + ["stopped"] * 8
    assert all(trial.epoch == 2 for trial in trials[4:])
    rising = play(median, median.Config(at_least=4), curves(12, 6), 6)
    assert all(trial.state == "done" for trial in rising)


def member(number: int, score: float, **words: object) -> Trial:
    values = (("lr", str(0.1 * (number + 1))),)
    known = {"state": "paused", "until": 2, "scores": (score, score)}
    return Trial(number=number, values=values, **(known | words))  # type: ignore[arg-type]


def test_in_a_population_the_worst_take_over_from_the_best_and_the_others_go_on() -> None:
    pbt, of = plugins.load("scheduler", "pbt"), space(lr={"log_uniform": [0.01, 10]})
    scores = [0.1, 0.9, 0.5, 0.6, 0.2, 0.8, 0.7, 0.4]
    trials = [member(i, score) for i, score in enumerate(scores)]
    moves: list[Go] = []
    while len(moves) < 8:
        move = pbt.move(pbt.Config(), asking(of, trials, n_trials=8, objectives=(("roc_auc", True),)))
        assert isinstance(move, Go)
        moves.append(move)
        # As with one worker: it has gone on, and is better than all were, before the next is asked about.
        later = member(move.number, 0.95, scores=(*trials[move.number].scores, 0.95, 0.95), until=4)
        trials[move.number] = later
    copied = {move.number: move.source for move in moves if move.source is not None}
    assert set(copied) == {0, 4}
    assert set(copied.values()) <= {1, 5}
    assert all(move.until == 4 for move in moves)
    for move in moves:
        if move.source is not None and move.values is not None:
            assert 0.01 <= move.values["lr"] <= 10


def test_a_population_waits_until_all_have_come_as_far() -> None:
    pbt, of = plugins.load("scheduler", "pbt"), space(lr={"log_uniform": [0.01, 10]})
    trials = [member(0, 0.5), member(1, 0.6, state="running", scores=())]
    assert pbt.move(pbt.Config(), asking(of, trials, n_trials=2)) is None
    assert pbt.move(pbt.Config(), asking(of, trials[:1], n_trials=2)) is None

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from assay.artifacts import Trial
from assay.spec import plugins
from assay.spec.space import active
from assay.tuning._space import at, unit
from tests.tuning.example import asking, done, minimise, space

MIXED = space(
    lr={"log_uniform": [1e-4, 1e-1]},
    depth={"int": [1, 4]},
    kind={"choice": ["a", "b", "c"]},
    rate={"uniform": [0, 1], "when": {"kind": ["b", "c"]}},
    more={"choice": [1, 2], "when": {"rate": 0.5}},
)
PLANE = space(x={"uniform": [-5, 5]}, y={"uniform": [-5, 5]})


def bowl(values: dict[str, Any]) -> float:
    return float((values["x"] - 1.5) ** 2 + 4 * (values["y"] + 2.5) ** 2)


@pytest.mark.parametrize("name", plugins.names("algorithm"))
def test_every_algorithm_proposes_values_of_the_space_and_the_same_when_asked_again(name: str) -> None:
    plugin, trials = plugins.load("algorithm", name), list[Trial]()
    for number in range(14):
        values = plugin.suggest(plugin.Config(), asking(MIXED, trials))
        assert values == plugin.suggest(plugin.Config(), asking(MIXED, trials))
        assert set(values) == {each for each in MIXED if active(MIXED, each, values)}
        for each, value in values.items():
            assert at(MIXED[each], unit(MIXED[each], value)) == (
                pytest.approx(value) if isinstance(value, float) else value
            )
        state = {3: "failed", 5: "stopped"}.get(number, "done")
        trials.append(done(number, values, values["lr"] + number % 3, state=state))


def test_a_grid_is_the_product_of_its_values() -> None:
    grid, of = (
        plugins.load("algorithm", "grid"),
        space(a={"choice": ["x", "y"]}, b={"uniform": [0, 1]}, c={"int": [1, 2]}),
    )
    config = grid.Config(points=3)
    found = [grid.suggest(config, asking(of, number=i)) for i in range(grid.limit(config, of))]
    expected = itertools.product(["x", "y"], [0.0, 0.5, 1.0], [1, 2])
    assert [tuple(values.values()) for values in found] == list(expected)


def test_a_grid_leaves_out_what_conditions_leave_out() -> None:
    grid, of = plugins.load("algorithm", "grid"), space(a={"choice": [1, 2]}, b={"choice": [3, 4], "when": {"a": 2}})
    found = [grid.suggest(grid.Config(), asking(of, number=i)) for i in range(grid.limit(grid.Config(), of))]
    assert found == [{"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]


@pytest.mark.parametrize("name", ["bayesian", "evolution", "nas"])
def test_algorithms_that_learn_are_nearer_to_the_bottom_of_a_bowl_than_random(name: str) -> None:
    assert minimise(name, PLANE, bowl, 60) < minimise("random", PLANE, bowl, 60) / 2


def test_a_gaussian_process_comes_closest() -> None:
    plugin, trials = plugins.load("algorithm", "bayesian"), list[Trial]()
    for number in range(20):
        values = plugin.suggest(plugin.Config(sampler="gp"), asking(PLANE, trials))
        trials.append(done(number, values, bowl(values)))
    assert min(trial.score or math.inf for trial in trials) < 0.1


def test_evolution_waits_for_the_generation_before() -> None:
    plugin, of = plugins.load("algorithm", "evolution"), PLANE
    trials = [done(i, plugin.suggest(plugin.Config(), asking(of, number=i)), float(i)) for i in range(6)]
    running = [*trials[:5], Trial(number=5, values=trials[5].values)]
    assert plugin.suggest(plugin.Config(), asking(of, running)) is None
    assert plugin.suggest(plugin.Config(), asking(of, trials)) is not None


def test_a_child_differs_from_a_parent_in_one_thing_and_the_oldest_have_no_children() -> None:
    plugin = plugins.load("algorithm", "nas")
    of = space(a={"choice": [1, 2, 3]}, b={"choice": [1, 2, 3]}, c={"int": [1, 9]})
    config, trials = plugin.Config(population=5, sample=2), list[Trial]()
    for number in range(40):
        values = plugin.suggest(config, asking(of, trials))
        if number >= 5:
            alive = [trial.settings for trial in trials[-5:]]
            assert 1 in [sum(values[name] != parent[name] for name in of) for parent in alive]
        trials.append(done(number, values, float(number)))  # the older, the better: only age can end them

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from assay.errors import SpecError
from assay.spec import loading, plugins
from assay.spec.space import with_values
from assay.tuning._space import at, levels, unit
from tests.tuning.example import asking, space, with_tune


def mistakes(path: Path, space: str, words: str = "") -> str:
    return "\n".join(map(str, loading.check(with_tune(path, space=space, words=words))))


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("    training.lrr: {uniform: [0.1, 1]}", "unknown key 'lrr'"),
        ("    training.lr: {uniform: [0, 1]}", "above 0"),
        ("    training.lr: {uniform: [1, 1]}", "low < high"),
        ("    training.lr: {log_uniform: [0, 1]}", "numbers above 0"),
        ("    training.lr: {}", "exactly one of uniform"),
        ("    training.lr: {uniform: [1, 2], choice: [1]}", "exactly one of uniform"),
        ("    training.lr: {choice: []}", "a list of values that is not empty"),
        ("    training.lr: {log_uniform: [0.1, 1], step: 0.1}", "`step` beside"),
        ("    training.epochs: {int: [1, 4], step: 0.5}", "a whole number"),
        ("    training.epochs.x: {int: [1, 4]}", "training.epochs is no mapping"),
        ("    training.optimizer: {choice: [adam, adan]}", "Did you mean 'adam'?"),
        ("    seed: {int: [1, 4]}", "the exam"),
        ("    gates.0.at_least: {uniform: [0, 1]}", "the exam"),
        ("    model.widht: {int: [1, 4]}", "unknown key 'widht'"),
        ("    model.depth: {int: [0, 4]}", "from 1 to 100"),
        ("    model.family: {choice: [mlp, mpl]}", "Did you mean 'mlp'?"),
        ("    training.momentum: {uniform: [0, 0.9], when: {training.optimizer: sgd}}", "is no parameter"),
        (
            "    training.optimizer: {choice: [adam, sgd]}\n"
            "    training.momentum: {uniform: [0, 0.9], when: {training.optimizer: rmsprop}}",
            "training.optimizer is never 'rmsprop'",
        ),
        (
            "    training.lr: {uniform: [0.1, 1], when: {training.momentum: 0}}\n"
            "    training.momentum: {uniform: [0, 0.9], when: {training.lr: 1}}",
            "a circle",
        ),
        ("    training: {choice: [{epochs: 1}]}\n    training.lr: {uniform: [0.1, 1]}", "is a parameter too"),
    ],
)
def test_a_bad_parameter_is_a_mistake_before_anything_runs(spec_path: Path, space: str, expected: str) -> None:
    assert expected in mistakes(spec_path, space)


def test_all_mistakes_of_a_space_are_told_at_once_with_their_lines(spec_path: Path) -> None:
    text = "    training.lrr: {uniform: [0.1, 1]}\n    training.epochs: {int: [0, 2]}\n    data.path: {choice: [a]}"
    told = mistakes(spec_path, text).splitlines()
    first = spec_path.read_text().splitlines().index("    training.lrr: {uniform: [0.1, 1]}") + 1
    assert [line.split(" ")[0] for line in told] == [f"small.yaml:{first + i}:" for i in range(3)]


def test_algorithms_schedulers_and_their_options_are_checked(spec_path: Path) -> None:
    told = mistakes(
        spec_path, "    training.lr: {uniform: [0.1, 1]}", "  algorithm: baysian\n  scheduler: {name: asha, eat: 3}"
    )
    assert "Did you mean 'bayesian'?" in told
    assert "unknown key 'eat'" in told


def test_a_good_space_has_no_mistakes(spec_path: Path) -> None:
    text = """\
    training.lr: {log_uniform: [1.0e-4, 1.0e-2]}
    training.batch_size: {int: [64, 512], step: 64}
    training.optimizer: {choice: [adamw, sgd]}
    training.momentum: {uniform: [0, 0.99], step: 0.33, when: {training.optimizer: sgd}}
    training.schedule.warmup_epochs: {uniform: [0, 2]}
    preprocessing.numeric.scale: {choice: [standard, quantile]}
    preprocessing.columns.age.clip: {choice: [null, [0.01, 0.99]]}
    model.width: {log_int: [8, 512]}
"""
    assert mistakes(spec_path, text) == ""


def test_the_spec_of_a_trial_is_plain_and_hides_the_same_columns(spec_path: Path) -> None:
    spec = loading.load_spec(with_tune(spec_path))
    made = with_values(spec, {"training.lr": 0.5, "preprocessing.columns.age.scale": "none"})
    assert (made.tune, made.training.lr, made.training.epochs) == (None, 0.5, 3)
    assert made.preprocessing.columns["age"].scale == "none"
    assert made.feature_columns(("age", "sex", "income")) == spec.feature_columns(("age", "sex", "income")) == ("age",)
    assert (made.root, made.file) == (spec.root, spec.file)
    with pytest.raises(SpecError, match=r"training\.lr"):
        with_values(spec, {"training.lr": -1})


PARAMETERS = space(
    a={"uniform": [-1, 3]},
    b={"log_uniform": [1e-5, 10]},
    c={"int": [2, 9]},
    d={"int": [64, 512], "step": 64},
    e={"log_int": [1, 1000]},
    f={"choice": ["x", [1, 2], None, {"k": 1}]},
    g={"uniform": [0, 1], "step": 0.3},
)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_value_has_its_place_between_0_and_1(name: str) -> None:
    parameter = PARAMETERS[name]
    for share in np.linspace(0, 1, 101):
        value = at(parameter, float(share))
        again = at(parameter, unit(parameter, value))
        assert again == (pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value)


def test_levels_are_drawn_equally_often_and_ranges_evenly() -> None:
    random = plugins.load("algorithm", "random")
    drawn = [random.suggest(random.Config(), asking(PARAMETERS, number=i)) for i in range(2000)]
    for name in ("c", "d", "f"):
        known = levels(PARAMETERS[name])
        assert known is not None
        counts = [sum(values[name] == level for values in drawn) for level in known]
        assert stats.chisquare(counts).pvalue > 1e-3
    assert stats.kstest([(values["a"] + 1) / 4 for values in drawn], "uniform").pvalue > 1e-3
    logs = [(math.log(values["b"]) - math.log(1e-5)) / (math.log(10) - math.log(1e-5)) for values in drawn]
    assert stats.kstest(logs, "uniform").pvalue > 1e-3
    assert sorted({values["g"] for values in drawn}) == pytest.approx([0.0, 0.3, 0.6, 0.9])

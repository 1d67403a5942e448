"""Small searches: a spec beside its data, and trials that nobody has trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.artifacts import Trial
from assay.spec import plugins
from assay.spec.tuning import ParameterSpec
from assay.tuning._asking import Asking, Go
from assay.tuning._space import pairs

MODEL = "model: {family: mlp, width: 16, depth: 1, numeric_embedding: none, dropout: 0}"
SPACE = "    training.lr: {log_uniform: [1.0e-4, 1.0e-1]}\n    training.weight_decay: {uniform: [0, 0.1]}\n"


def with_tune(path: Path, *, words: str = "", space: str = SPACE, epochs: int = 3) -> Path:
    """The spec at `path` with a small network and a search of four random trials, in this process."""
    if "\ntune:" in path.read_text():
        return path
    text = path.read_text().replace("model: {family: linear}", MODEL).replace("epochs: 3", f"epochs: {epochs}")
    given = {line.split(":")[0].strip() for line in words.splitlines()}
    defaults = {"metric": "roc_auc", "algorithm": "random", "trials": "4", "workers": "0"}
    lines = [f"  {name}: {value}" for name, value in defaults.items() if name not in given]
    path.write_text(text + "\n".join(["tune:", *lines, words, "  space:", space]))
    return path


def space(**parameters: Mapping[str, Any]) -> dict[str, ParameterSpec]:
    """Parameters by name; `a__b` means `a.b`."""
    return {name.replace("__", "."): ParameterSpec.model_validate(each) for name, each in parameters.items()}


def asking(of: Mapping[str, ParameterSpec], trials: Sequence[Trial] = (), **words: Any) -> Asking:
    """A search that stands at `trials`."""
    known = {"number": len(trials), "n_trials": 100, "n_epochs": 9, "seed": 0, "objectives": (("loss", False),)}
    return Asking(space=of, trials=tuple(trials), **(known | words))


def done(number: int, values: Mapping[str, Any], score: float, **words: Any) -> Trial:
    """A trial that has come to its end."""
    known: dict[str, Any] = {"state": "done", "scores": (score,), "score": score}
    return Trial(number=number, values=pairs(values), **(known | words))


def minimise(algorithm: str, of: Mapping[str, ParameterSpec], loss: Callable[[dict[str, Any]], float], n: int) -> float:
    """The least loss of `n` trials that `algorithm` proposes one after another."""
    plugin, trials = plugins.load("algorithm", algorithm), list[Trial]()
    for number in range(n):
        values = plugin.suggest(plugin.Config(), asking(of, trials))
        trials.append(done(number, values, loss(values)))
    return min(trial.score or math.inf for trial in trials)


def play(scheduler: Any, config: Any, curves: Sequence[Sequence[float]], n_epochs: int) -> list[Trial]:
    """Run the trials whose scores per epoch are `curves` (greater is better), one worker, to the end of the search."""
    trials: list[Trial] = []

    def go(number: int, until: int) -> None:
        state = "done" if until == n_epochs else "paused"
        seen = tuple(curves[number][:until])
        trial = Trial(number=number, values=(), scores=seen, score=max(seen), state=state, until=until)  # type: ignore[arg-type]
        trials[number:] = [trial, *trials[number + 1 :]]

    while True:
        now = asking({}, trials, n_trials=len(curves), n_epochs=n_epochs, objectives=(("roc_auc", True),))
        move = scheduler.move(config, now)
        if isinstance(move, Go):
            go(move.number, move.until)
        elif move is not None:
            trials[move.number] = Trial(
                number=move.number, values=(), scores=trials[move.number].scores, state="stopped"
            )
        elif len(trials) < len(curves):
            go(len(trials), scheduler.first(config, now))
        else:
            return trials

"""The search: as long as a worker is free, ask what comes next; when a segment ends, write down what it came to."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay import tuning
from assay.artifacts import Events, Search, Trial, as_data
from assay.errors import Cancelled, SpecError, TrainingError
from assay.spec import Spec, plugins
from assay.spec.tuning import TuneSpec
from assay.tuning import Segment, Trainer, _result, _score
from assay.tuning._asking import Asking, Go, Stop
from assay.tuning._interrupt import Asked, interrupts
from assay.tuning._pool import Pool, pool
from assay.tuning._space import pairs
from assay.tuning._trials import Supernet, Trials
from assay.tuning._work import Ended

POLL_S = 0.2
SUPERNET = -1  # in place of the number of a trial
NOT_FINITE = "the metric of the valid fold is not a number"


def run(spec: Spec, trainer: Trainer, folder: Path, events: Events) -> Search:
    """See `assay.tuning.search`."""
    assert spec.tune is not None
    tuning.check(spec)
    trials = Trials(folder)
    with interrupts() as asked, pool(spec, trainer) as workers:
        run = Run(spec=spec, tune=spec.tune, folder=folder, trials=trials, workers=workers, events=events, asked=asked)
        run.resume()
        while run.step():
            pass
        ended = run.over() or "nothing is left to try"
    run.settle()
    return _result.search(spec, trials, ended, partial=asked.for_the_end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A search under way."""

    spec: Spec
    tune: TuneSpec
    folder: Path
    trials: Trials
    workers: Pool
    events: Events
    asked: Asked

    def resume(self) -> None:
        """Say what an earlier call has done. What it was killed in goes on from its checkpoint."""
        if self.trials.n:
            done = sum(trial.state != "running" for trial in self.trials.all)
            self.events.emit("notice", text=f"the search goes on: {done} of {self.trials.n} trials are behind it")
        for trial in self.trials.all:
            self._tell(trial)

    def step(self) -> bool:
        """Start what can be started, and take in what has ended. False when the search is over."""
        for trial in self._unfinished():
            self._start(trial)
        while self.workers.n_free and not self.over() and self._next():
            pass
        if not self.workers.busy:
            return False
        try:
            for ended in self.workers.wait(POLL_S):
                if ended.number == SUPERNET:
                    self._share(ended)
                else:
                    self._take(self.trials[ended.number], ended)
        except Cancelled:
            if not self.asked.for_the_end:
                raise
        self.trials.tick()
        return not self.asked.for_the_end

    def over(self) -> str:
        """Why nothing more is started; empty while there is a budget."""
        if self.asked.for_the_end:
            return "a person ended it"
        if self.tune.max_seconds is not None and self.trials.seconds >= self.tune.max_seconds:
            return f"{self.tune.max_seconds:g} seconds are used up"
        if self.tune.max_epochs is not None and self.trials.n_epochs >= self.tune.max_epochs:
            return f"{self.tune.max_epochs:,} epochs are used up"
        return ""

    def settle(self) -> None:
        """End the trials that were waiting for more."""
        for trial in self.trials.all:
            if trial.state == "paused" and not self.asked.for_the_end:
                self._tell(self.trials.save(trial, state="stopped", reason="others were better when it waited"))

    # --------------------------------------------------------------------------------------------- what is next

    def _unfinished(self) -> Iterator[Trial]:
        """Trials that an earlier call left in the middle, as long as there is somebody to go on with them."""
        for trial in self.trials.all:
            if trial.state == "running" and trial.number not in self.workers.busy and self.workers.n_free:
                yield trial

    def _next(self) -> bool:
        """Begin the next segment. False when nothing is to be done before something else has ended."""
        scheduler, config = self._plugin("scheduler")
        if self._shares and self.trials.supernet is None:
            return self._begin_supernet()
        move = scheduler.move(config, self._asking()) if scheduler is not None else None
        if isinstance(move, Stop):
            self._tell(self.trials.save(self.trials[move.number], state="stopped", reason=move.reason))
            return True
        if isinstance(move, Go):
            self._go(self.trials[move.number], move)
            return True
        return self._propose()

    def _propose(self) -> bool:
        """A new trial, when there may be one and the algorithm has one."""
        algorithm, config = self._plugin("algorithm")
        if self.trials.n >= self._n_trials:
            return False
        values = algorithm.suggest(config, self._asking())
        if values is None:
            return False
        scheduler, config = self._plugin("scheduler")
        until = scheduler.first(config, self._asking()) if scheduler is not None else self._n_epochs(values)
        trial = Trial(number=self.trials.n, values=pairs(values), until=until, began=time.time())
        self._start(self.trials.save(trial))
        return True

    def _begin_supernet(self) -> bool:
        """Have the network trained whose weights trials share. False when it is being trained."""
        if SUPERNET in self.workers.busy:
            return False
        scheduler, config = self._plugin("scheduler")
        spec = tuning.with_threads(scheduler.supernet(config, self.spec), self.spec)
        self.events.emit("notice", text=f"a supernet is trained for {spec.training.epochs} epochs")
        self.workers.start(Segment(number=SUPERNET, spec=spec, until=spec.training.epochs, search=self.folder.name))
        return True

    def _share(self, ended: Ended) -> None:
        if ended.trained is None or not ended.trained.models:
            raise TrainingError(f"the supernet could not be trained: {ended.error or 'it was ended'}")
        model = ended.trained.models[0]
        self.trials.share(Supernet(model=model, n_epochs=len(model.epochs), seconds=ended.seconds))

    def _go(self, trial: Trial, move: Go) -> None:
        changes: dict[str, Any] = {"until": move.until, "state": "running", "source": move.source}
        if move.source is not None:
            changes["parent"] = move.source
        if move.values is not None:
            changes["values"] = pairs(move.values)
        self._start(self.trials.save(trial, **changes))

    def _start(self, trial: Trial) -> None:
        """Give a worker the next segment of a trial; a trial that cannot be read as a spec has failed."""
        try:
            spec = tuning.with_trial(self.spec, trial.settings)
        except SpecError as error:
            self._tell(self.trials.save(trial, state="failed", reason=str(error)))
            return
        folder = start = weights = None
        if self._shares and trial.screened is None and self.trials.supernet is not None:
            weights = self.trials.supernet.model
        if self._population:
            folder = self._weights(trial.number, trial.until)
            before = trial.number if trial.source is None else trial.source
            start = self._weights(before, trial.epoch) if trial.epoch else None
        segment = Segment(
            number=trial.number, spec=spec, until=trial.until, folder=folder, start=start, weights=weights,
            search=self.folder.name,
        )  # fmt: skip
        self.workers.start(segment)

    # ------------------------------------------------------------------------------------------- what has ended

    def _take(self, trial: Trial, ended: Ended) -> None:
        """Write down what a segment came to."""
        trained, seconds = ended.trained, trial.seconds + ended.seconds
        if trained is None:
            self._tell(self.trials.save(trial, state="failed", reason=ended.error, seconds=seconds))
            return
        if trained.screened is not None:
            screened = _score.value(trained.screened, self.tune.metric)
            known = {"screened": screened, "n_parameters": trained.n_parameters, "seconds": seconds}
            state = {"state": "paused"} if math.isfinite(screened) else {"state": "failed", "reason": NOT_FINITE}
            self._tell(self.trials.save(trial, **known | state))
            return
        # What a member of a population was itself counts, not what the weights that it took over had been before.
        scores = trial.scores + _score.scores(trained.epochs, self.tune.metric)[trial.epoch :]
        score = _score.score(trained.epochs, self.tune.metric, self.spec.training.early_stopping)
        n_new = (len(scores) - trial.epoch) * len(trained.epochs)
        changes: dict[str, Any] = {"seconds": seconds, "ended": time.time(), "n_trained": trial.n_trained + n_new}
        if trained.models:
            first = trained.models[0]
            changes |= {"n_parameters": first.n_parameters, "reason": first.stopped}
            changes["model"] = first if self._population else None
        if all(map(math.isfinite, (*scores, score))):
            changes |= {"scores": scores, "score": score, "measures": trained.measures}
            changes["state"] = "done" if trained.models else "paused"
        else:
            changes |= {"state": "failed", "reason": NOT_FINITE, "model": None}
        before = trial.epoch
        trial = self.trials.save(trial, **changes)
        if self._population:
            self._sweep(trial)
        self._tell(trial, [as_data(epoch) for epoch in trained.epochs[0][before:]])

    def _tell(self, trial: Trial, epochs: list[Any] | None = None) -> None:
        """Say how a trial stands, with the epochs that are new."""
        best = _result.best(self.trials.all, self._asking().good)
        told = as_data(trial) | {"model": None, "values": trial.settings}
        self.events.emit(
            "trial",
            trial=told,
            metric=self.tune.metric,
            best=None if best is None else {"number": best.number, "score": best.score},
            n_trials=self.tune.trials,
            epochs=epochs or [],
        )

    # ---------------------------------------------------------------------------------------------------- words

    def _asking(self) -> Asking:
        return Asking(
            space=self.tune.space,
            trials=self.trials.all,
            number=self.trials.n,
            n_trials=self._n_trials,
            n_epochs=self.spec.training.epochs,
            seed=self.spec.seed,
            objectives=_result.objectives(self.tune),
            bounds=self.tune.subject_to,
        )

    def _plugin(self, kind: str) -> tuple[Any, Any]:
        chosen = self.tune.algorithm if kind == "algorithm" else self.tune.scheduler
        if chosen is None:
            return None, None
        return plugins.load(kind, chosen.name), plugins.config(kind, chosen.name, chosen.options)

    @property
    def _n_trials(self) -> int:
        """How many trials there may be: no more than the algorithm has proposals."""
        algorithm, config = self._plugin("algorithm")
        limit = algorithm.limit(config, self.tune.space) if hasattr(algorithm, "limit") else math.inf
        return int(min(self.tune.trials, limit))

    def _n_epochs(self, values: dict[str, Any]) -> int:
        return int(values.get("training.epochs", self.spec.training.epochs))

    @property
    def _population(self) -> bool:
        return bool(getattr(self._plugin("scheduler")[0], "POPULATION", False))

    @property
    def _shares(self) -> bool:
        return bool(getattr(self._plugin("scheduler")[0], "SHARES", False))

    def _weights(self, number: int, epoch: int) -> Path:
        return self.folder / "weights" / f"{number:06d}" / f"{epoch:06d}"

    def _sweep(self, trial: Trial) -> None:
        """Remove checkpoints of a member that no other can ask for any more: those before its last two."""
        for old in sorted(self._weights(trial.number, 0).parent.glob("*"))[:-2]:
            shutil.rmtree(old)

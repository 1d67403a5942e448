"""How a trial of a search is trained: by the stages of the chain, through their cache, up to an epoch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay import preprocessing, training
from assay.artifacts import (
    Blob,
    Epoch,
    Folds,
    Model,
    Preprocessing,
    Silent,
    Snapshot,
    TrainFold,
    TrainingArrays,
    ValidFold,
)
from assay.errors import Cancelled
from assay.ledger import MARK, Ledger
from assay.pipeline import _fits, _measures, _mitigation, _pretrained
from assay.pipeline._steps import ByKey, Progress, Step, cached, direct
from assay.spec import Spec
from assay.spec.tuning import CrossValidationSpec, ObjectiveSpec
from assay.store import Store, write_durably
from assay.tuning import Segment, Trained

CHECKPOINT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Trains trials on pairs of folds: one, or those of a cross-validation. Is sent to workers."""

    home: Path
    name: str
    run_id: str
    snapshot: Snapshot
    folds: tuple[tuple[TrainFold, ValidFold], ...]
    measured: tuple[ObjectiveSpec, ...] = ()
    weights: Blob | None = None

    def __call__(self, segment: Segment) -> Trained:
        """See `assay.tuning.Trainer`."""
        ledger = Ledger(self.home)
        if segment.weights is not None:
            return self._screen(segment.spec, segment.weights, ledger)
        trained = [self._train(segment, ledger, *pair) for pair in self.folds]
        models = tuple(model for _, model in trained if model is not None)
        epochs = tuple(epochs for epochs, _ in trained)
        if len(models) < len(trained):
            return Trained(epochs=epochs)
        valid = [fold for _, fold in self.folds]
        measures = _measures.measures(self.measured, segment.spec, models, valid, epochs, self.snapshot, ledger.store)
        return Trained(epochs=epochs, models=models, measures=measures)

    def _train(
        self, segment: Segment, ledger: Ledger, train: TrainFold, valid: ValidFold
    ) -> tuple[tuple[Epoch, ...], Model | None]:
        """The epochs so far, and the model when the training has come to its end."""
        spec, store, until = segment.spec, ledger.store, Until(epoch=segment.until, search=segment.search)
        step = self._step(until.step, spec, ledger)
        prepared, arrays = self._encoded(spec, step, train, valid, store)
        mitigated = _mitigation.of_training(spec, step, train, self.snapshot, store)
        if segment.folder is not None:  # weights that came from elsewhere are of no use to anybody with the same key
            step = until.step
        try:
            model: Model = step(
                "train", training.train, arrays, prepared, spec.model, spec.training, spec.compute, spec.seed,
                *mitigated, store=store, events=until, folder=segment.folder or ByKey(self.home / "checkpoints"),
                root=spec.root, weights=self.weights, start=segment.start, checkpoint_s=CHECKPOINT_S,
            )  # fmt: skip
        except Cancelled:
            if not until.reached:
                raise
            return tuple(until.epochs), None
        if segment.folder is None and until.folder is not None:
            shutil.rmtree(until.folder, ignore_errors=True)  # the model is in the store
        return model.epochs, model

    def _screen(self, spec: Spec, weights: Model, ledger: Ledger) -> Trained:
        """How good the network of a trial is with weights that others have learned."""
        train, valid = self.folds[0]
        store = ledger.store
        prepared, arrays = self._encoded(spec, self._step(direct, spec, ledger), train, valid, store)
        epoch, n_parameters = training.inherit(
            arrays, prepared, spec.model, spec.training, spec.compute, weights, store=store, root=spec.root
        )
        return Trained(epochs=(), screened=epoch, n_parameters=n_parameters)

    def _step(self, step: Step, spec: Spec, ledger: Ledger) -> Step:
        progress = Progress(
            ledger=ledger, name=f"{self.name}.trials", run_id=self.run_id, root=spec.root, events=Silent()
        )
        return cached(step, progress)

    def _encoded(
        self, spec: Spec, step: Step, train: TrainFold, valid: ValidFold, store: Store
    ) -> tuple[Preprocessing, TrainingArrays]:
        """Preprocessing, fitted on the train rows of the trial, and what it makes of both folds."""
        columns = _fits.feature_columns(spec, self.snapshot)
        prepared = step(
            "preprocess", preprocessing.fit, train, spec.preprocessing, columns, spec.target, spec.task, store=store
        )
        arrays = step("encode", preprocessing.encode, prepared, train, valid, store=store)
        return prepared, _pretrained.embedded(spec, prepared, arrays, step, self.weights, store)


def trainer(spec: Spec, home: Path, run_id: str, snapshot: Snapshot, folds: Folds) -> Trainer:
    """The trainer of the search of `spec`, on its train and valid fold and no other."""
    tune = spec.tune
    pairs: tuple[tuple[TrainFold, ValidFold], ...] = ((folds.train, folds.valid),)
    assert tune is not None
    if tune.cross_validation is not None:
        pairs = crossed(folds.train, folds.valid, tune.cross_validation, spec.seed, Ledger(home).store)
    return Trainer(
        home=home, name=spec.name, run_id=run_id, snapshot=snapshot, folds=pairs,
        measured=(*tune.objectives, *tune.subject_to), weights=_pretrained.weights(spec, Ledger(home)),
    )  # fmt: skip


def crossed(
    train: TrainFold, valid: ValidFold, config: CrossValidationSpec, seed: int, store: Store
) -> tuple[tuple[TrainFold, ValidFold], ...]:
    """The rows of both folds cut anew into as many parts, each of which is valid once, and as often as repeated."""
    import numpy as np

    rows = np.concatenate([store.array(train.rows), store.array(valid.rows)])
    found = []
    for repeat in range(config.repeats):
        mixed = np.random.default_rng([seed, repeat]).permutation(np.sort(rows))
        for part in np.array_split(mixed, config.folds):
            held, rest = np.sort(part), np.setdiff1d(rows, part)
            pair = (
                TrainFold(table=train.table, rows=store.put_array(rest, "rows.npy"), n_rows=len(rest)),
                ValidFold(table=valid.table, rows=store.put_array(held, "rows.npy"), n_rows=len(held)),
            )
            found.append(pair)
    return tuple(found)


@dataclass(slots=True)
class Until:
    """Hears a training, and raises its stop flag when `epoch` is behind it."""

    epoch: int
    search: str = ""
    epochs: list[Epoch] = field(default_factory=list)
    folder: Path | None = None
    reached: bool = False

    def step(self, stage: str, function: Callable[..., Any], *args: Any, **surroundings: Any) -> Any:
        """Call a stage directly, and note where its checkpoints lie."""
        self.folder = surroundings.get("folder", self.folder)
        if stage == "train" and self.folder is not None and self.search:
            write_durably(self.folder / MARK, self.search.encode())
        return direct(stage, function, *args, **surroundings)

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Note an epoch."""
        if kind != "epoch":
            return
        n_epochs, metrics = fields.pop("n_epochs"), tuple(fields.pop("metrics").items())
        self.epochs.append(Epoch(**fields, metrics=metrics))
        if fields["epoch"] >= self.epoch and fields["epoch"] < n_epochs and self.folder is not None:
            self.reached = True
            (self.folder / "stop").touch()

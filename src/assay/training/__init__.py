"""One training: from encoded rows to the weights of the best epoch.

Why this shape. There is one loop (`_loop.py`), one order of the rows and one kind of checkpoint, whoever runs them:
this process (`compute.workers: 0`, Ray Train's local mode) or N Ray workers. Ray Train starts workers, joins them and
starts them again when one dies; it is given neither metrics nor checkpoints, because in local mode it restores nothing
and with workers every report waits for its controller's next poll. What is certain lies in `folder`: checkpoints with
digests, from the newest valid one of which every start goes on.

Nothing that decides the numbers depends on where they are computed. Rows are ordered by (seed, epoch); a global batch
is cut into one share per worker; gradients are the mean over the whole batch, weighted exactly, however uneven the
shares; random numbers are drawn from (seed, epoch, update, rank). So a training has no generator state to save, resumes
in the middle to the same bits, and has the same loss curve on 0, 1 or 2 workers up to the rounding of sums.

Training does not log. It says what happens through `Events`: `epoch` and `checkpoint`, each once per call and in order,
those of an interrupted call first; whoever listens keeps one per epoch.
"""

from __future__ import annotations

from pathlib import Path

from assay import models
from assay.artifacts import Blob, Epoch, Events, GroupCodes, Model, Preprocessing, Task, TrainingArrays
from assay.errors import Mistake, SpecError
from assay.spec.evidence import MitigateSpec
from assay.spec.training import ComputeSpec, ModelSpec, TrainingSpec
from assay.spec.transfer import PretrainedSpec
from assay.store import Store


def train(
    arrays: TrainingArrays,
    prepared: Preprocessing,
    model: ModelSpec,
    training: TrainingSpec,
    compute: ComputeSpec,
    seed: int,
    mitigate: MitigateSpec | None = None,
    groups: GroupCodes | None = None,
    *,
    store: Store,
    events: Events,
    folder: Path,
    root: Path | None = None,
    weights: Blob | None = None,
    start: Path | None = None,
    checkpoint_s: float = 0.0,
) -> Model:
    """Fit `model` on the train rows and keep its best epoch on the valid rows.

    `mitigate` is a method that makes gaps between `groups` of train rows smaller; the model is not told of them. Which
    epoch is best, the loss of valid rows alone decides.

    `folder` holds the checkpoints; a training that was interrupted goes on from there. With workers on other machines
    it and the store must be on a file system that all of them see. `root` is where a user's own family lies. `weights`
    are those that `training.pretrained` names, as `stored` gives them. `start` is the folder of another training of the
    same network, from whose newest checkpoint this one goes on while it has none.
    Checkpoints are `checkpoint_s` seconds apart at least; the last one is written in any case.

    A file called `stop` in `folder`, SIGINT or SIGTERM end the training at the next step with a checkpoint and
    `Cancelled`. Raises SpecError for what does not fit this target or machine, and TrainingError when training fails.
    """
    options = models.check(model.family, model.options)
    if not models.is_torch(model.family):
        if mitigate is not None:
            raise SpecError.of([_untrained(model.family, mitigate)])
        from assay.training import _closed

        return _closed.fit(arrays, prepared, model.family, options, store=store, events=events)

    from assay.training._job import Job
    from assay.training._run import run

    job = Job(
        arrays=arrays,
        prepared=prepared,
        family=model.family,
        options=options,
        training=training,
        compute=compute,
        seed=seed,
        store=store,
        folder=folder.absolute(),
        root=root,
        weights=weights,
        start=start,
        checkpoint_s=checkpoint_s,
        mitigate=mitigate,
        groups=groups,
    )
    return run(job, events)


def features(
    arrays: TrainingArrays,
    prepared: Preprocessing,
    model: ModelSpec,
    pretrained: PretrainedSpec,
    compute: ComputeSpec,
    *,
    store: Store,
    weights: Blob | None,
    root: Path | None = None,
) -> TrainingArrays:
    """The same rows with what a frozen backbone makes of their image, text or series in its place.

    Raises SpecError where the weights do not fit the family, or it has no backbone.
    """
    from assay.training._features import embedded
    from assay.training._job import Job

    training = TrainingSpec(pretrained=pretrained)
    options = models.check(model.family, model.options)
    job = Job(
        arrays=arrays,
        prepared=prepared,
        family=model.family,
        options=options,
        training=training,
        compute=compute,
        seed=0,
        store=store,
        folder=Path(),
        root=root,
        weights=weights,
    )
    return embedded(job)


def stored(path: Path, family: str, weights: str, *, store: Store) -> Blob:
    """The weights in the file at `path`, which the spec calls `weights`, as safetensors under the names of `family`.

    Raises SpecError when they cannot be read, or are a pickle.
    """
    from assay.training import _weights

    return _weights.stored(path, family, weights, store)


def inherit(
    arrays: TrainingArrays,
    prepared: Preprocessing,
    model: ModelSpec,
    training: TrainingSpec,
    compute: ComputeSpec,
    weights: Model,
    *,
    store: Store,
    root: Path | None = None,
) -> tuple[Epoch, int]:
    """How good a network is on the valid rows with the weights that `weights` has under the same names, untrained.

    Gives the numbers of an epoch, and how many weights the network has. Raises TrainingError when one is missing.
    """
    from assay.training._inherit import inherit
    from assay.training._job import Job

    job = Job(
        arrays=arrays, prepared=prepared, family=model.family, options=models.check(model.family, model.options),
        training=training, compute=compute, seed=0, store=store, folder=store.root, root=root,
    )  # fmt: skip
    return inherit(job, weights)


def _untrained(family: str, mitigate: MitigateSpec) -> Mistake:
    found = f"{mitigate.method!r} changes the training, and {family!r} is fitted in closed form"
    return Mistake(where="mitigate.method", found=found, allowed="thresholds, or a family that is trained in steps")


def metrics(task: Task, *, binary: bool) -> tuple[str, ...]:
    """What early stopping can look at in such a task: `loss` and the metrics computed after every epoch."""
    from assay.training._metrics import names

    return names(task, binary)


def watched(task: Task, training: TrainingSpec, *, binary: bool) -> tuple[str, ...]:
    """What is known after every epoch of such a training: `loss` and the metrics that are computed then."""
    from assay.training._metrics import watched

    return ("loss", *watched(task, binary, training))


def rises(metric: str) -> bool:
    """True for metrics of the valid fold that are better when they are greater."""
    from assay.training._metrics import greater_is_better

    return greater_is_better(metric)


def warm() -> None:
    """Import what training with torch needs, for whoever has time to spare before it is wanted."""
    from assay.training import _run  # noqa: F401

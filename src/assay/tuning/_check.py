"""What cannot be searched, said before anything is trained."""

from __future__ import annotations

from assay import training
from assay.errors import Mistake, SpecError, did_you_mean
from assay.spec import Spec, plugins

ORDERED = ("time", "group")
MEASURED = ("n_parameters", "latency_ms")


def check(spec: Spec) -> None:
    """See `assay.tuning.check`."""
    assert spec.tune is not None
    mistakes = [*_unknown_metrics(spec), *_scheduled(spec), *_crossed(spec), *_refitted(spec)]
    for kind, chosen in (("algorithm", spec.tune.algorithm), ("scheduler", spec.tune.scheduler)):
        if chosen is not None:
            config = plugins.checked(kind, chosen.name, chosen.options, where=f"tune.{kind}")
            suits = getattr(plugins.load(kind, chosen.name), "mistakes", None)
            mistakes += suits(config, spec) if suits is not None else []
    if mistakes:
        raise SpecError.of(mistakes)


def _unknown_metrics(spec: Spec) -> list[Mistake]:
    assert spec.tune is not None
    known = training.watched(spec.task, spec.training, binary=True)
    asked = [("tune.metric", spec.tune.metric, known)]
    for part, objectives in (("objectives", spec.tune.objectives), ("subject_to", spec.tune.subject_to)):
        for index, each in enumerate(objectives):
            if each.metric is not None:
                asked.append((f"tune.{part}.{index}.metric", each.metric, (*known, *MEASURED)))
    return [
        Mistake(
            where=where,
            found=f"{name!r} is not computed after an epoch",
            allowed=", ".join(allowed),
            hint=did_you_mean(name, allowed) or f"`training: {{metrics: [{name}]}}` has a metric of the task computed.",
        )
        for where, name, allowed in asked
        if name not in allowed
    ]


def _scheduled(spec: Spec) -> list[Mistake]:
    assert spec.tune is not None
    if spec.tune.scheduler is None or "training.epochs" not in spec.tune.space:
        return []
    found = "the epochs are a parameter, and the scheduler decides on them"
    return [Mistake(where="tune.space.training.epochs", found=found, allowed="`training.epochs` set to the most")]


def _crossed(spec: Spec) -> list[Mistake]:
    """Rows of a time or of a group must not be on both sides, which cutting anew would bring about."""
    assert spec.tune is not None
    if spec.tune.cross_validation is None or spec.split.by not in ORDERED:
        return []
    found = f"`split.by: {spec.split.by}`, whose order or groups it would mix"
    return [Mistake(where="tune.cross_validation", found=found, allowed="`split.by: random`, `column` or `files`")]


def _refitted(spec: Spec) -> list[Mistake]:
    """Valid rows that cannot be parted at random, and weights of a population, which no training alone gives."""
    assert spec.tune is not None
    if spec.tune.refit.on == "train":
        return []
    found = []
    if spec.split.by in ORDERED:
        wrong = f"`split.by: {spec.split.by}`, whose order or groups it would mix"
        found.append(Mistake(where="tune.refit", found=wrong, allowed="`train`"))
    scheduler = spec.tune.scheduler
    if scheduler is not None and getattr(plugins.load("scheduler", scheduler.name), "POPULATION", False):
        wrong = f"weights of the search, which `{scheduler.name}` hands on"
        found.append(Mistake(where="tune.refit", found=wrong, allowed="`train`"))
    return found

"""Whether what a spec asks of a model can be answered at all: its metrics, its bounds, its groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay import evaluation, gates, training
from assay.errors import Mistake, did_you_mean, examples
from assay.spec import Spec

MAX_NAMES = 40
MEASURED = ("test", "valid")  # the folds that have metrics
Names = tuple[str, ...]


def of_metrics(spec: Spec, classes: Names) -> Iterator[Mistake]:
    """Metrics that such a task does not have, and bounds that they cannot reach. No `classes`: they are not known."""
    binary = len(classes) in (0, 2)
    ranges = evaluation.metric_ranges(spec.task, 2 if binary else len(classes), spec.evaluation)
    for index, gate in enumerate(spec.gates):
        metric = gate.options.get("metric")
        if not isinstance(metric, str):
            continue
        if "sensitive" in gate.options:
            yield from _of_disparity(spec, index, metric, classes)
        elif metric not in ranges:
            found = f"no metric {metric!r} in such a task"
            yield unknown(f"gates.{index}.metric", found, metric, tuple(ranges))
        else:
            yield from _out_of_range(index, gate.options, metric, ranges[metric])
        fold = gate.options.get("fold", "test")
        if fold not in MEASURED:
            yield unknown(f"gates.{index}.fold", f"nothing is measured on the fold {fold!r}", "", MEASURED)
    stopping = spec.training.early_stopping
    known = training.metrics(spec.task, binary=binary)
    if stopping is not None and stopping.metric not in known:
        found = f"{stopping.metric!r} is not computed after an epoch of such a task"
        yield unknown("training.early_stopping.metric", found, stopping.metric, known)
    for index, name in enumerate(spec.training.metrics):
        if name not in known[1:]:
            yield unknown(f"training.metrics.{index}", f"no metric {name!r} in such a task", name, known[1:])
    weights = spec.training.class_weights
    for name in weights if isinstance(weights, dict) and classes else ():
        if name not in classes:
            yield unknown(f"training.class_weights.{name}", f"there is no class {name!r}", name, classes)


def _of_disparity(spec: Spec, index: int, metric: str, classes: Names) -> Iterator[Mistake]:
    name, _, inside = metric.partition("[")
    known = gates.metrics_of_groups(spec.task)
    if name not in known:
        yield unknown(f"gates.{index}.metric", f"no metric {name!r} of groups in such a task", name, known)
    elif inside and classes and inside.rstrip("]") not in classes:
        class_ = inside.rstrip("]")
        yield unknown(f"gates.{index}.metric", f"there is no class {class_!r}", class_, classes)


def _out_of_range(index: int, options: dict[str, Any], metric: str, limits: tuple[float, float]) -> Iterator[Mistake]:
    """A bound that no value of the metric can pass, or none can miss."""
    low, high = limits
    for key in ("at_least", "at_most"):
        bound = options.get(key)
        if isinstance(bound, int | float) and not low <= bound <= high:
            allowed = f"{low:g} to {high:g}" if high < float("inf") else f"{low:g} or more"
            allowed = f"{high:g} or less" if low == -float("inf") else allowed
            found = f"{bound:g}, which {metric} never is"
            yield Mistake(where=f"gates.{index}.{key}", found=found, allowed=allowed)
    margin = options.get("margin")
    if isinstance(margin, int | float) and abs(margin) >= high - low:
        found = f"{margin:g}, by which {metric} never differs"
        yield Mistake(where=f"gates.{index}.margin", found=found, allowed=f"less than {high - low:g} either way")


def unaudited(spec: Spec) -> Iterator[Mistake]:
    """An audit fold that no split sets apart, and gates that name a column which the audit does not look at."""
    columns, options = spec.audit.columns, spec.split.options
    if spec.audit.fold == "audit" and not (options.get("audit") or options.get("audit_frac")):
        hint = "Write e.g. `split: {audit_frac: 0.1}`, or `audit: {fold: test}`."
        found = "the split sets no audit fold apart"
        yield Mistake(where="audit.fold", found=found, allowed="a split with `audit` or `audit_frac`", hint=hint)
    for index, gate in enumerate(spec.gates):
        sensitive, where = gate.options.get("sensitive"), f"gates.{index}.sensitive"
        named = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive or ())
        absent = [str(name) for name in named if name not in columns]
        for name in absent:
            yield unknown(where, f"{name!r} is not in `audit.sensitive`", name, columns)
        if len(named) > 1 and not absent and named not in spec.audit.crossings:
            crossings = tuple("[" + ", ".join(crossing) + "]" for crossing in spec.audit.crossings)
            found = f"{' x '.join(named)} is not a crossing of the audit"
            yield unknown(where, found, "", crossings)


def of_message(where: str, message: str) -> Mistake:
    """The message of an error, which says what was found and what is allowed, as a mistake."""
    found, _, allowed = message.partition(" Allowed: ")
    return Mistake(where=where, found=found.rstrip("."), allowed=allowed.rstrip(".") or "what can be read")


def unknown(where: str, found: str, name: str, known: Names) -> Mistake:
    """The mistake of writing `name` where one of `known` is wanted."""
    allowed = ", ".join(known) if len(known) <= MAX_NAMES else examples(known, MAX_NAMES)
    return Mistake(where=where, found=found, allowed=allowed or "none", hint=did_you_mean(name, known))
